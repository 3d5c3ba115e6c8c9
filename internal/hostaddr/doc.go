// Package hostaddr is about the addresses of members: which of its host's a member listens on and
// tells the others, whether the host still has it, and what the addresses stand for that a user wants
// joined.
package hostaddr
