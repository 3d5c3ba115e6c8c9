package mdns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// recordTTL is how long others may keep a record, in seconds.
const recordTTL = 120

// unicastWanted is the bit of a question's class that asks for an answer to the sender alone (RFC
// 6762, 5.4).
const unicastWanted = 1 << 15

// enumeration is the name whose records are the types of services (RFC 6763, 9).
const enumeration = "_services._dns-sd._udp.local."

// records are what a member announces: its service is an instance at a port of a host, and the host
// has an address.
type records struct {
	service, instance, host dnsmessage.Name
	all                     []dnsmessage.Resource // SRV, the address, TXT
}

// newRecords returns the records of c, whose names Check has found to fit.
func newRecords(c *Config, host string) (*records, error) {
	var r records
	for name, text := range map[*dnsmessage.Name]string{
		&r.service:  serviceName(c.Cluster) + ".local.",
		&r.instance: c.Node + "." + serviceName(c.Cluster) + ".local.",
		&r.host:     host + ".",
	} {
		var err error
		if *name, err = dnsmessage.NewName(text); err != nil {
			return nil, err
		}
	}
	var address dnsmessage.ResourceBody = &dnsmessage.AAAAResource{AAAA: c.Addr.Addr().As16()}
	if ip := c.Addr.Addr().Unmap(); ip.Is4() {
		address = &dnsmessage.AResource{A: ip.As4()}
	}
	r.all = []dnsmessage.Resource{
		record(r.instance, &dnsmessage.SRVResource{
			Priority: 10, Weight: 1, Port: c.Addr.Port(), Target: r.host}),
		record(r.host, address),
		record(r.instance, &dnsmessage.TXTResource{TXT: []string{"Serf '" + c.Cluster + "' cluster"}}),
	}
	return &r, nil
}

func record(name dnsmessage.Name, body dnsmessage.ResourceBody) dnsmessage.Resource {
	header := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: recordTTL}
	return dnsmessage.Resource{Header: header, Body: body}
}

// answers are the records that answer q. Whoever asks for the service or the instance needs all of
// them.
func (r *records) answers(q *dnsmessage.Question) []dnsmessage.Resource {
	wants := func(t dnsmessage.Type) bool { return q.Type == t || q.Type == dnsmessage.TypeALL }
	pointer := func(to dnsmessage.Name) dnsmessage.Resource {
		return record(q.Name, &dnsmessage.PTRResource{PTR: to})
	}
	name := q.Name.String()
	switch {
	case strings.EqualFold(name, enumeration) && wants(dnsmessage.TypePTR):
		return []dnsmessage.Resource{pointer(r.service)}
	case strings.EqualFold(name, r.service.String()) && wants(dnsmessage.TypePTR):
		return append([]dnsmessage.Resource{pointer(r.instance)}, r.all...)
	case strings.EqualFold(name, r.instance.String()):
		return r.all
	case strings.EqualFold(name, r.host.String()):
		return r.all[1:2]
	}
	return nil
}

// reply is the answer to a query that came from port 5353 or, if legacy, from another one; nil if
// there is none. unicast reports whether it is for the asker alone.
func (r *records) reply(query []byte, legacy bool) (packet []byte, unicast bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response || h.OpCode != 0 || h.RCode != 0 {
		return nil, false, err
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}}
	unicast = true
	for {
		q, err := p.Question()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return nil, false, err
		}
		answers := r.answers(&q)
		if len(answers) == 0 {
			continue
		}
		if m.Answers == nil { // once is enough, however many questions there are
			m.Answers = answers
		}
		unicast = unicast && (legacy || q.Class&unicastWanted != 0)
		if legacy && len(m.Questions) == 0 {
			m.ID, m.Questions = h.ID, []dnsmessage.Question{q} // RFC 6762, 6.7
		}
	}
	if m.Answers == nil {
		return nil, false, nil
	}
	packet, err = m.Pack()
	return packet, unicast, err
}

// question is the query for the members of a cluster.
func question(cluster string) ([]byte, error) {
	name, err := dnsmessage.NewName(serviceName(cluster) + ".local.")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Questions: []dnsmessage.Question{
		{Name: name, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}}}
	return m.Pack()
}

// parseAnswer passes to found the members of cluster in a packet. Other services, printers for
// instance, are ignored. An address of a link gets the zone, that of the packet's sender.
func parseAnswer(packet []byte, cluster, zone string, found func(netip.AddrPort)) error {
	var p dnsmessage.Parser
	if h, err := p.Start(packet); err != nil || !h.Response {
		return err
	}
	a := announced{suffix: "." + serviceName(cluster) + ".local.", zone: zone}
	err := cmp.Or(
		p.SkipAllQuestions(),
		a.read(&p, p.AnswerHeader, p.SkipAnswer),
		p.SkipAllAuthorities(),
		a.read(&p, p.AdditionalHeader, p.SkipAdditional))
	if err != nil {
		return err
	}
	for _, m := range a.members {
		of := func(h host) bool { return strings.EqualFold(h.name, m.Target.String()) }
		if i := slices.IndexFunc(a.hosts, of); i >= 0 {
			found(netip.AddrPortFrom(a.hosts[i].ip, m.Port))
		}
	}
	return nil
}

// announced is what a packet says of the members whose names end in suffix.
type announced struct {
	suffix, zone string
	members      []dnsmessage.SRVResource
	hosts        []host
}

type host struct {
	name string
	ip   netip.Addr
}

// read collects the records of one section, where next reads a header and skip passes over the
// record after it. Records that aren't needed aren't parsed: the code that parses records of all
// types makes the program 40 kB larger.
func (a *announced) read(p *dnsmessage.Parser, next func() (dnsmessage.ResourceHeader, error),
	skip func() error) error {
	for {
		h, err := next()
		if err == dnsmessage.ErrSectionDone {
			return nil
		}
		if err != nil {
			return err
		}
		name := h.Name.String()
		switch h.Type {
		case dnsmessage.TypeSRV:
			var r dnsmessage.SRVResource
			r, err = p.SRVResource()
			n := len(name) - len(a.suffix)
			if r.Port != 0 && n > 0 && strings.EqualFold(name[n:], a.suffix) {
				a.members = append(a.members, r)
			}
		case dnsmessage.TypeA:
			var r dnsmessage.AResource
			r, err = p.AResource()
			a.hosts = append(a.hosts, host{name, netip.AddrFrom4(r.A)})
		case dnsmessage.TypeAAAA:
			var r dnsmessage.AAAAResource
			r, err = p.AAAAResource()
			ip := netip.AddrFrom16(r.AAAA).Unmap()
			if ip.IsLinkLocalUnicast() {
				ip = ip.WithZone(a.zone)
			}
			a.hosts = append(a.hosts, host{name, ip})
		default:
			err = skip()
		}
		if err != nil {
			return err
		}
	}
}
