"""A local Maildir as a mail system: sends into it and reads from it. The smallest complete transport of mailport."""
