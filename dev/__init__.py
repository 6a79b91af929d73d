"""What runs the project on this machine: the embedded AWS, the deployment to it and the commands around them."""
