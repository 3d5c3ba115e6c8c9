package swim

import "serf/wire"

const (
	fnvBasis = 0xcbf29ce484222325
	fnvPrime = 0x100000001b3
)

// HashName is what digests use of a name: see Roster.NameHash.
func HashName[S string | []byte](name S) uint64 { return mix(hashOn(fnvBasis, name)) }

// hashOn goes on with FNV-1a from h.
func hashOn[S string | []byte](h uint64, s S) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// hash is that of what a member says about itself, whose name has the given hash. Lengths go in, so
// that no byte can be taken for one of the next field.
func (p *profile) hash(name uint64) uint64 {
	addr := addrBytes(p.addr.Addr())
	ip := addr.slice()
	h := hashOn(fnvBasis^name, p.meta)
	h = hashOn(h^uint64(len(p.meta)), ip)
	h = hashOn(h^uint64(len(ip))<<16^uint64(p.addr.Port()), p.versions[:])
	return mix(h)
}

// digest is the hash of a record.
func (r *Roster) digest(rec record) uint64 { return rec.hash(r.idents[rec.ident].hash) }

// hash is what r adds to digests, 0 if there is no record: all that a push/pull says about a
// member. ident is the hash of its identity.
func (r record) hash(ident uint64) uint64 {
	if !r.known() {
		return 0
	}
	return mix(ident + uint64(r.inc)<<8 + uint64(r.sent()))
}

// hashState is record.hash for what another member sent.
func hashState(s *wire.NodeState) uint64 {
	p := profileOf(s.Addr, s.Port, s.Meta, s.Vsn)
	return mix(p.hash(HashName(s.Name)) + uint64(s.Inc)<<8 + uint64(s.State))
}

// sent is the state as a push/pull has it. A suspect that is known by an accusation only is sent as
// dead: the receiver suspects it, but doesn't believe the rest, which it hasn't said at inc.
func (r record) sent() State {
	if r.state == Suspect && r.unconfirmed {
		return Dead
	}
	return r.state
}
