package netsim

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// place numbers an address at which some host has lived.
type place int32

const nowhere place = -1

// none stands for no host.
const none int32 = -1

// places has all addresses of a simulation. Every packet is looked up here, so IPv4 addresses have
// a table that needs no hashing: hosts are mostly numbered consecutively.
type places struct {
	addrs []netip.AddrPort // by place
	hosts []int32          // the host that is there now, or none
	table []placeSlot      // IPv4, open addressing; a power of two, half of it free
	other map[netip.AddrPort]place
}

type placeSlot struct {
	key   uint64 // address and port; 0: empty
	place place
}

// find returns the place of an address, or nowhere.
func (p *places) find(a netip.AddrPort) place {
	if !a.Addr().Is4() {
		if at, ok := p.other[a]; ok {
			return at
		}
		return nowhere
	}
	if len(p.table) == 0 {
		return nowhere
	}
	key := placeKey(a)
	for i := placeHash(key); ; i++ {
		s := &p.table[i&uint64(len(p.table)-1)]
		if s.key == key {
			return s.place
		}
		if s.key == 0 {
			return nowhere
		}
	}
}

// host is the host at an address now, or none.
func (p *places) host(a netip.AddrPort) int32 {
	if at := p.find(a); at != nowhere {
		return p.hosts[at]
	}
	return none
}

// add returns the place of an address, a new one if needed.
func (p *places) add(a netip.AddrPort) place {
	if at := p.find(a); at != nowhere {
		return at
	}
	at := place(len(p.addrs))
	p.addrs, p.hosts = append(p.addrs, a), append(p.hosts, none)
	if !a.Addr().Is4() {
		if p.other == nil {
			p.other = make(map[netip.AddrPort]place)
		}
		p.other[a] = at
		return at
	}
	if 2*len(p.addrs) > len(p.table) {
		p.grow()
	}
	p.insert(placeKey(a), at)
	return at
}

func (p *places) grow() {
	old := p.table
	const least = 64
	p.table = make([]placeSlot, max(least, 1<<bits.Len(uint(2*len(p.addrs)))))
	for _, s := range old {
		if s.key != 0 {
			p.insert(s.key, s.place)
		}
	}
}

func (p *places) insert(key uint64, at place) {
	i := placeHash(key)
	for p.table[i&uint64(len(p.table)-1)].key != 0 {
		i++
	}
	p.table[i&uint64(len(p.table)-1)] = placeSlot{key, at}
}

func placeKey(a netip.AddrPort) uint64 {
	ip := a.Addr().As4()
	return 1<<48 | uint64(a.Port())<<32 | uint64(binary.BigEndian.Uint32(ip[:]))
}

// placeHash keeps consecutive addresses, with one port, in consecutive slots.
func placeHash(key uint64) uint64 { return key + key>>32*mixA }
