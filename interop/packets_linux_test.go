package interop

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/swim"
	"serf/wire"
)

var hostilePackets = flag.Int("packets", 20_000, "how many packets TestHostilePackets sends to each of its agents; full size is 1000000")

const (
	// packetsAtOnce and bytesAtOnce are what the agent's socket certainly holds: after that many,
	// the test waits for the agent.
	packetsAtOnce = 64
	bytesAtOnce   = 96 << 10
	// hostileMemory and hostileLog bound what the second half of the packets may add to the agent's
	// resident memory and log, in bytes: nearly everything new was in the first half. What remains
	// are names made by damage: without encryption, whatever claims to be a member is one, and
	// costs memberMemory and memberLog.
	hostileMemory = 8 << 20
	hostileLog    = 64 << 10
	memberMemory  = 4 << 10
	memberLog     = 2 << 10
	// notLeaving bounds how long a member that stays is considered leaving because of a forged
	// leave: such claims are believed for 15 s and checked every 15 s. Usually the member itself
	// refutes them.
	notLeaving = 40 * time.Second
	// looks is how often the test lists the agent's members meanwhile.
	looks = 40
)

// TestHostilePackets sends an agent, in a network namespace, whatever a packet may hold: random
// bytes, damaged recordings of the original, and well-formed messages that lie. An encrypted agent
// also gets plain text, replays of what its peer could have sent, and damaged ciphertexts. The
// agent answers all the time, and neither its memory nor its log grows.
func TestHostilePackets(t *testing.T) {
	if !systest.InNamespace() {
		t.Parallel()
		runInNamespace(t, fmt.Sprintf("-packets=%d", *hostilePackets))
		return
	}
	systest.RaiseLoopback(t)
	key := []byte(strings.Repeat("k", 16))
	ring, err := wire.NewKeyring(key)
	must(t, err)
	for name, target := range map[string]struct {
		sealer *wire.Sealer
		args   []string
	}{
		"plain": {nil, nil},
		"encrypted": {
			&wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) { rand.Read(b) }},
			[]string{"-encrypt=" + base64.StdEncoding.EncodeToString(key)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-log-level=info"}, target.args...)
			victim := ownProgram.start(t, options{name: "victim"}, dialOwn, args...)
			peer := ownProgram.start(t, options{name: "peer"}, dialOwn, append(args, "-join="+victim.bind.String())...)
			wantAgreement(t, victim, peer)
			a := newAttack(t, victim, peer, target.sealer)
			a.run(t, *hostilePackets)
			for _, m := range []*running{victim, peer} {
				for _, name := range []string{"victim", "peer"} {
					wantStatusWithin(t, notLeaving, name, "alive", m)
				}
			}
		})
	}
}

// attack sends packets to a victim that has one real peer.
type attack struct {
	victim, peer *running
	sealer       *wire.Sealer // nil if the victim isn't encrypted
	scratch      wire.Scratch
	random       *mathrand.Rand
	sockets      []*net.UDPConn
	recorded     [][]byte // packets of the original
	sealed       [][]byte // ciphertexts to replay
	seq          uint32
}

func newAttack(t *testing.T, victim, peer *running, sealer *wire.Sealer) *attack {
	t.Helper()
	const sources = 8
	a := &attack{victim: victim, peer: peer, sealer: sealer, random: mathrand.New(mathrand.NewPCG(1, 1)), recorded: recordedPackets(t)}
	for range sources {
		addr := netip.AddrPortFrom(ownIP(t), gossipPort)
		conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(addr), net.UDPAddrFromAddrPort(victim.bind))
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		a.sockets = append(a.sockets, conn)
	}
	return a
}

// recordedPackets are messages of the original, those of Serf as user messages.
func recordedPackets(t *testing.T) (all [][]byte) {
	t.Helper()
	for _, file := range []string{"memberlist.json", "serf.json"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", file))
		must(t, err)
		var vectors []struct{ Hex string }
		must(t, json.Unmarshal(data, &vectors))
		for _, v := range vectors {
			p, err := hex.DecodeString(v.Hex)
			must(t, err)
			if file == "serf.json" {
				p = wire.AppendUser(nil, p)
			}
			all = append(all, p)
		}
	}
	return all
}

// run sends count packets, and checks the victim meanwhile.
func (a *attack) run(t *testing.T, count int) {
	t.Helper()
	half, members, memory, log := false, 0, 0, 0
	began, worst, kinds := time.Now(), time.Duration(0), map[string]int{}
	for sent, look := 0, 0; sent < count; {
		sent += a.burst(t, min(packetsAtOnce, count-sent), kinds)
		if sent >= count/2 && !half {
			half, members, memory, log = true, len(a.victim.members()), residentMemory(t, a.victim), len(a.victim.log.String())
		}
		if sent*looks/count > look {
			look = sent * looks / count
			asked := time.Now()
			if _, ok := a.victim.members()["victim"]; !ok {
				t.Fatalf("after %d packets: %v", sent, a.victim.members())
			}
			worst = max(worst, time.Since(asked))
		}
	}
	members = len(a.victim.members()) - members
	grown, logged := residentMemory(t, a.victim)-memory, len(a.victim.log.String())-log
	t.Logf("%d packets in %v (%v); members took %v at worst; resident %d KiB at half, %+d KiB at the end; log %d bytes, %d of the second half, which brought %d members",
		count, time.Since(began).Round(time.Millisecond), kinds, worst, memory>>10, grown>>10, log+logged, logged, members)
	if worst > quickMembers {
		t.Errorf("members took %v, want %v at most", worst, quickMembers)
	}
	if limit := hostileMemory + members*memberMemory; grown > limit {
		t.Errorf("memory grew by %d bytes, allowed %d", grown, limit)
	}
	if limit := hostileLog + members*memberLog; logged > limit {
		t.Errorf("the log grew by %d bytes, allowed %d", logged, limit)
	}
}

// burst sends some packets, waits until the victim has handled them, and returns how many they
// were.
func (a *attack) burst(t *testing.T, most int, kinds map[string]int) (sent int) {
	t.Helper()
	for bytes := 0; sent < most && bytes < bytesAtOnce; sent++ {
		kind, p := a.draw()
		kinds[kind]++
		bytes += len(p)
		a.send(a.sockets[a.random.IntN(len(a.sockets))], p)
	}
	a.wantAck(t)
	return sent
}

// send returns no error: ICMP may report an earlier packet.
func (a *attack) send(conn *net.UDPConn, p []byte) { conn.Write(p) }

// wantAck pings the victim until it answers, which it does after it has handled everything before.
func (a *attack) wantAck(t *testing.T) {
	t.Helper()
	conn := a.sockets[0]
	b := make([]byte, 64<<10)
	const tries, wait = 40, 500 * time.Millisecond
	for range tries {
		a.seq++
		ping := wire.Ping{Seq: a.seq, Node: []byte("victim")}
		a.send(conn, a.seal(ping.Append(nil)))
		conn.SetReadDeadline(time.Now().Add(wait))
		for {
			n, err := conn.Read(b)
			if err != nil {
				break // nothing, or ICMP
			}
			if a.acks(b[:n]) {
				return
			}
		}
	}
	t.Fatalf("the agent doesn't answer pings any more; it ended: %v", a.victim.err)
}

func (a *attack) acks(p []byte) bool {
	msgs, _ := a.sealer.OpenPacket(p, &a.scratch, nil)
	for _, m := range msgs {
		if wire.Type(m[0]) != wire.TypeAck {
			continue
		}
		if ack, bad := wire.ParseAck(m[1:]); bad == nil && ack.Seq == a.seq {
			return true
		}
	}
	return false
}

func (a *attack) seal(plain []byte) []byte { return a.sealer.SealPacket(nil, plain, false, &a.scratch) }

// draw returns a random packet.
func (a *attack) draw() (kind string, p []byte) {
	if a.sealer != nil {
		return a.drawSealed()
	}
	return a.drawPlain()
}

func (a *attack) drawPlain() (kind string, p []byte) {
	switch a.random.IntN(5) {
	case 0:
		return "chance", a.chance()
	case 1:
		return "damaged", a.damage(a.recorded[a.random.IntN(len(a.recorded))])
	case 2:
		return "damaged lies", a.damage(a.lie())
	case 3:
		return "packed lies", a.pack()
	}
	return "lies", a.lie()
}

// drawSealed returns a packet that a sender without the key could send; whoever has the key is a
// member, and is believed.
func (a *attack) drawSealed() (kind string, p []byte) {
	if len(a.sealed) < 64 { // as much as the peer has sent
		a.sealed = append(a.sealed, a.seal(a.lie()))
	}
	switch a.random.IntN(3) {
	case 0:
		return a.drawPlain()
	case 1:
		return "replays", a.sealed[a.random.IntN(len(a.sealed))]
	}
	return "damaged ciphertexts", a.damage(a.sealed[a.random.IntN(len(a.sealed))])
}

func (a *attack) chance() []byte {
	p := make([]byte, a.random.IntN(1500))
	for i := range p {
		p[i] = byte(a.random.Uint32())
	}
	if len(p) > 0 && a.random.IntN(2) == 0 {
		p[0] = byte(a.random.IntN(14)) // a known type
	}
	return p
}

// damage changes some bytes of p, cuts it, or adds to it.
func (a *attack) damage(p []byte) []byte {
	p = append([]byte(nil), p...)
	for range 1 + a.random.IntN(3) {
		switch i := a.random.IntN(len(p) + 1); {
		case a.random.IntN(8) == 0:
			p = p[:i]
		case a.random.IntN(8) == 0:
			p = append(p, a.chance()...)
		case i < len(p):
			p[i] = byte(a.random.Uint32())
		}
	}
	return p[:min(len(p), 60<<10)]
}

// pack puts lies into a compound, compressed or not, in nested layers.
func (a *attack) pack() []byte {
	p := a.lie()
	for range 1 + a.random.IntN(5) {
		var packer wire.Packer
		packer.Reset(50 << 10)
		for range 1 + a.random.IntN(20) {
			packer.Add(p)
		}
		p = packer.AppendTo(nil)
		if a.random.IntN(2) == 0 {
			p = (&wire.Sealer{Compress: true}).SealPacket(nil, p, a.random.IntN(2) == 0, &a.scratch)
		}
	}
	return p
}

// lie returns a well-formed, false message, about a few names, times and addresses, and at the
// limits of fields.
func (a *attack) lie() []byte {
	r := a.random
	name := []byte([]string{"victim", "peer", "ghost-1", "ghost-2", "ghost-3", "evil\nleave", ""}[r.IntN(7)])
	if r.IntN(100) == 0 {
		name = []byte(strings.Repeat("n", swim.NameMax+r.IntN(2)))
	}
	from := []byte([]string{"victim", "peer", "ghost-1"}[r.IntN(3)])
	inc := []uint32{0, 1, 2, 3, 4, 5, 1 << 31, 1<<32 - 1}[r.IntN(8)]
	addr := []netip.AddrPort{a.victim.bind, a.peer.bind, netip.MustParseAddrPort("127.0.9.9:7946"), netip.MustParseAddrPort("224.0.0.1:1"), netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("[::1]:7946")}[r.IntN(6)]
	ip, port := addr.Addr().AsSlice(), addr.Port()
	switch r.IntN(8) {
	case 0:
		m := wire.Alive{Inc: inc, Node: name, Addr: ip, Port: port, Meta: make([]byte, r.IntN(600)), Vsn: []byte{1, 5, 2, 2, 5, 5}}
		return m.Append(nil)
	case 1:
		m := wire.Suspect{Inc: inc, Node: name, From: from}
		return m.Append(nil)
	case 2:
		m := wire.Dead{Inc: inc, Node: name, From: from}
		return m.Append(nil)
	case 3:
		m := wire.Ping{Seq: r.Uint32(), Node: name, SourceAddr: ip, SourcePort: port, SourceNode: from}
		return m.Append(nil)
	case 4:
		m := wire.IndirectPing{Seq: r.Uint32(), Target: ip, Port: port, Node: name, Nack: true, SourceNode: from}
		return m.Append(nil)
	case 5:
		m := wire.Ack{Seq: r.Uint32N(2000), Payload: make([]byte, r.IntN(100))}
		return m.Append(nil)
	}
	return wire.AppendUser(nil, a.serfLie(name, from, ip, port))
}

func (a *attack) serfLie(name, from, ip []byte, port uint16) []byte {
	r := a.random
	at := []uint64{0, 1, uint64(r.IntN(20)), 600, 1 << 32, 1<<63 - 1, 1<<64 - 1}[r.IntN(7)]
	switch r.IntN(6) {
	case 0:
		m := wire.JoinIntent{LTime: at, Node: name}
		return m.Append(nil)
	case 1:
		m := wire.LeaveIntent{LTime: at, Node: name, Prune: r.IntN(2) == 0}
		return m.Append(nil)
	case 2:
		m := wire.UserEvent{LTime: at, Name: []byte("lie"), Payload: make([]byte, 1000*r.IntN(3))}
		return m.Append(nil)
	case 3:
		m := wire.Query{
			Addr: ip, Port: port, SourceNode: from, ID: r.Uint32N(3), LTime: at, Flags: r.Uint32N(16), RelayFactor: uint8(r.Uint32()),
			Name: []byte([]string{"q", "_serf_ping", "_serf_conflict", "_serf_list-keys", "_serf_install-key"}[r.IntN(5)]), Payload: name, Timeout: int64(time.Second) * int64(r.IntN(10)),
		}
		return m.Append(nil)
	case 4:
		m := wire.QueryResponse{From: from, LTime: at, ID: r.Uint32N(3), Flags: r.Uint32N(2), Payload: make([]byte, r.IntN(1000))}
		return m.Append(nil)
	}
	m := wire.Relay{DestIP: ip, DestPort: port, DestName: name, Msg: (&wire.QueryResponse{From: from, LTime: at}).Append(nil)}
	return m.Append(nil)
}
