"""What people have on their disks: nothing here may raise an alarm."""
