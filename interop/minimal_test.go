package interop

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// fields is a structure of the protocol.
type fields map[string]any

// minimalMember does what docs/protocol.md asks of a minimal member, and no more. It is written
// from that page and shares no code with a member of either implementation. It takes events and
// answers queries, but gossips neither.
type minimalMember struct {
	name string
	addr netip.AddrPort
	udp  net.PacketConn
	tcp  net.Listener
	recorder

	mu          sync.Mutex
	incarnation uint32
}

// startMinimal starts a member that knows nobody, until the end of the test.
func startMinimal(t *testing.T, name string) *minimalMember {
	t.Helper()
	m := &minimalMember{name: name, addr: netip.AddrPortFrom(ownIP(t), gossipPort), incarnation: 1}
	var err error
	m.udp, err = net.ListenPacket("udp", m.addr.String())
	must(t, err)
	m.tcp, err = net.Listen("tcp", m.addr.String())
	must(t, err)
	var work sync.WaitGroup
	work.Go(m.readPackets)
	work.Go(m.serveStreams)
	t.Cleanup(func() {
		m.udp.Close()
		m.tcp.Close()
		work.Wait()
	})
	return m
}

// encode returns a message: its type and a map.
func encode(kind byte, body fields) []byte {
	b := []byte{kind}
	var h codec.MsgpackHandle
	h.Canonical = true
	var to []byte
	codec.NewEncoderBytes(&to, &h).MustEncode(map[string]any(body))
	return append(b, to...)
}

// decode reads one value from p, and returns what follows.
func decode(p []byte) (body fields, rest []byte, err error) {
	var h codec.MsgpackHandle
	d := codec.NewDecoderBytes(p, &h)
	err = d.Decode(&body)
	return body, p[min(d.NumBytesRead(), len(p)):], err
}

func (f fields) text(name string) string { b, _ := f[name].([]byte); return string(b) }
func (f fields) number(name string) uint64 {
	switch n := f[name].(type) {
	case uint64:
		return n
	case int64:
		return uint64(n)
	}
	return 0
}

// identity is what the member says of itself, in an alive or, under another name, a node state.
func (m *minimalMember) identity(name string) fields {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fields{
		"Addr": m.addr.Addr().AsSlice(), "Port": m.addr.Port(), name: m.name, "Incarnation": m.incarnation,
		"Meta": append([]byte{0xff}, encode(0, fields{"role": "minimal"})[1:]...), "Vsn": []byte{1, 5, 2, 2, 5, 5},
	}
}

// pushPull is the whole state of the member.
func (m *minimalMember) pushPull(join bool) []byte {
	user := encode(2, fields{
		"LTime": 1, "EventLTime": 1, "QueryLTime": 1, "Events": []any{}, "LeftMembers": []any{},
		"StatusLTimes": map[string]any{m.name: 0},
	})
	b := encode(6, fields{"Join": join, "Nodes": 1, "UserStateLen": len(user)})
	state := m.identity("Name")
	state["State"] = 0
	return append(append(b, encode(0, state)[1:]...), user...)
}

func (m *minimalMember) send(to net.Addr, msg []byte) { m.udp.WriteTo(msg, to) }

// tell sends a Serf message to a member, which gossips it.
func (m *minimalMember) tell(to netip.AddrPort, kind byte, body fields) {
	m.send(net.UDPAddrFromAddrPort(to), append([]byte{8}, encode(kind, body)...))
}

func (m *minimalMember) readPackets() {
	p := make([]byte, 65536)
	for {
		n, from, err := m.udp.ReadFrom(p)
		if err != nil {
			return
		}
		m.handle(bytes.Clone(p[:n]), from)
	}
}

// handle takes one message with its layers. It trusts its input: the other side is a real program.
func (m *minimalMember) handle(p []byte, from net.Addr) {
	kind, body := p[0], p[1:]
	switch kind {
	case 7:
		sizes, rest := body[1:1+2*int(body[0])], body[1+2*int(body[0]):]
		for ; len(sizes) > 0; sizes = sizes[2:] {
			n := binary.BigEndian.Uint16(sizes)
			m.handle(rest[:n], from)
			rest = rest[n:]
		}
		return
	case 9:
		m.handle(decompress(body), from)
		return
	case 12:
		m.handle(body[4:], from)
		return
	case 8:
		m.handleSerf(body[0], body[1:])
		return
	}
	f, _, err := decode(body)
	switch {
	case err != nil:
	case kind == 0 && f.text("Node") == m.name:
		m.addf("ping")
		m.send(source(f, from), encode(2, fields{"SeqNo": f.number("SeqNo"), "Payload": nil}))
	case (kind == 3 || kind == 5) && f.text("Node") == m.name:
		m.refute(uint32(f.number("Incarnation")), from)
	}
}

// source is where the ack of a ping goes.
func source(f fields, from net.Addr) net.Addr {
	if ip, ok := netip.AddrFromSlice([]byte(f.text("SourceAddr"))); ok {
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(f.number("SourcePort"))))
	}
	return from
}

func (m *minimalMember) refute(incarnation uint32, to net.Addr) {
	m.mu.Lock()
	m.incarnation = max(m.incarnation, incarnation+1)
	m.mu.Unlock()
	m.addf("refutes %d", incarnation)
	m.send(to, encode(4, m.identity("Node")))
}

func (m *minimalMember) handleSerf(kind byte, body []byte) {
	f, _, err := decode(body)
	switch {
	case err != nil:
	case kind == 3:
		m.addf("user %s %s", f.text("Name"), f.text("Payload"))
	case kind == 4:
		m.addf("query %s %s", f.text("Name"), f.text("Payload"))
		ip, _ := netip.AddrFromSlice([]byte(f.text("Addr")))
		to := netip.AddrPortFrom(ip, uint16(f.number("Port")))
		answer := fields{
			"ID": f.number("ID"), "LTime": f.number("LTime"), "From": m.name, "Flags": 1, "Payload": nil,
		}
		m.tell(to, 5, answer)
		answer["Flags"], answer["Payload"] = 0, []byte(reply(m.name, []byte(f.text("Payload"))))
		m.tell(to, 5, answer)
	}
}

func decompress(body []byte) []byte {
	f, _, _ := decode(body)
	p, _ := io.ReadAll(lzw.NewReader(bytes.NewReader([]byte(f.text("Buf"))), lzw.LSB, 8))
	return p
}

func (m *minimalMember) serveStreams() {
	for {
		c, err := m.tcp.Accept()
		if err != nil {
			return
		}
		if msg, err := readMessage(c); err == nil && msg[0] == 6 {
			c.Write(m.pushPull(false))
		} else if err == nil && msg[0] == 0 {
			f, _, _ := decode(msg[1:])
			c.Write(encode(2, fields{"SeqNo": f.number("SeqNo"), "Payload": nil}))
		}
		c.Close()
	}
}

// readMessage reads from a stream until a message is whole.
func readMessage(c net.Conn) ([]byte, error) {
	var all []byte
	p := make([]byte, 65536)
	for {
		n, err := c.Read(p)
		if err != nil {
			return nil, err
		}
		all = append(all, p[:n]...)
		msg := all
		if msg[0] == 9 {
			if _, _, err := decode(msg[1:]); err != nil {
				continue
			}
			msg = decompress(msg[1:])
		}
		if whole(msg) {
			return msg, nil
		}
	}
}

// whole reports whether all of a message has arrived.
func whole(msg []byte) bool {
	head, rest, err := decode(msg[1:])
	if msg[0] == 6 {
		for range head.number("Nodes") {
			if err == nil {
				_, rest, err = decode(rest)
			}
		}
		return err == nil && uint64(len(rest)) >= head.number("UserStateLen")
	}
	return err == nil
}

// join exchanges states with a member and returns its Serf state.
func (m *minimalMember) join(seed netip.AddrPort) (serf fields, err error) {
	c, err := net.Dial("tcp", seed.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write(m.pushPull(true)); err != nil {
		return nil, err
	}
	msg, err := readMessage(c)
	if err != nil {
		return nil, err
	}
	head, rest, _ := decode(msg[1:])
	for range head.number("Nodes") {
		_, rest, _ = decode(rest)
	}
	if len(rest) == 0 || rest[0] != 2 {
		return nil, fmt.Errorf("the answer has no state of Serf: %x", rest)
	}
	serf, _, err = decode(rest[1:])
	return serf, err
}

// TestMinimalMember checks that both implementations accept what docs/protocol.md calls a minimal
// member.
func TestMinimalMember(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{ours, original} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			seed := k.start(t, options{name: "seed", compress: true, exchanges: true})
			m := startMinimal(t, "minimal")
			state, err := m.join(seed.addr())
			must(t, err)
			m.tell(seed.addr(), 1, fields{"LTime": state.number("LTime"), "Node": m.name})
			wantStatus(t, m.name, "alive", seed)
			if got := seed.members()[m.name]; got.Addr != m.addr || got.Tags != "role=minimal" {
				t.Errorf("it is known as %v", got)
			}

			m.tell(seed.addr(), 3, fields{
				"LTime": state.number("EventLTime"), "Name": "hello", "Payload": []byte("all"), "CC": false,
			})
			wantEvent(t, "user hello all", seed)
			must(t, seed.event("news", []byte("of the day"), false))
			m.want(t, "user news of the day")
			got, err := seed.query(question{name: echoQuery, payload: "who", ack: true, acks: 2, responses: 2})
			must(t, err)
			if len(got.Acks) != 2 || got.Responses[m.name] != reply(m.name, []byte("who")) {
				t.Errorf("acks from %v, responses %v", got.Acks, got.Responses)
			}

			m.want(t, "ping")
			suspect := fields{"Node": m.name, "Incarnation": 1, "From": "somebody"}
			m.send(net.UDPAddrFromAddrPort(seed.addr()), encode(3, suspect))
			m.want(t, "refutes 1")
			wantStatus(t, m.name, "alive", seed)

			m.tell(seed.addr(), 0, fields{"LTime": state.number("LTime") + 10, "Node": m.name, "Prune": false})
			wantStatus(t, m.name, "leaving", seed)
			dead := fields{"Node": m.name, "Incarnation": m.identity("")["Incarnation"], "From": m.name}
			m.send(net.UDPAddrFromAddrPort(seed.addr()), encode(5, dead))
			wantStatus(t, m.name, "left", seed)
		})
	}
}

// want waits until the member has received a line.
func (m *minimalMember) want(t *testing.T, line string) {
	t.Helper()
	eventually(t, patience, m.name+" hears: "+line, func() error {
		for _, l := range m.events() {
			if l == line {
				return nil
			}
		}
		return fmt.Errorf("only %q", m.events())
	})
}
