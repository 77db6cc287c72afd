"""What is done from time to time: old rows go, people are told what failed and which credentials will end."""
