"""What is kept between commands: never needed, only faster."""
