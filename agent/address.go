package agent

import (
	"context"

	"serf/internal/hostaddr"
)

// Resolver looks names up. [net.Resolver] is one.
type Resolver = hostaddr.Resolver

// AddressSpec is the address of a member as a user configures it: Bind and Advertise as IP, IP:port,
// [v6]:port or :port, and Interface. What is empty is chosen.
type AddressSpec = hostaddr.Spec

// Addresses are the addresses of an AddressSpec on one host: Bind to listen on, Advertise for the
// others, the Reason of that choice, and the Interface that it was chosen from.
type Addresses = hostaddr.Addresses

// ChooseAddresses decides where to listen on this host and which address to advertise, as the
// command serf agent does. Names of hosts are looked up.
func ChooseAddresses(ctx context.Context, r Resolver, spec AddressSpec) (Addresses, error) {
	return hostaddr.ChooseHere(ctx, r, spec)
}

// CheckJoin returns what is wrong with a join address, as far as that can be told without a lookup.
func CheckJoin(text string) error { return hostaddr.Check(text) }
