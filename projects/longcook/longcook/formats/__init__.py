"""What a LongCook folder holds, by the data set whose layout it has: each module plans the contents of one."""
