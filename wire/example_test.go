package wire_test

import (
	"crypto/rand"
	"fmt"
	"log"

	"serf/wire"
)

// A packet from the network is opened, and each message in it parsed.
func Example() {
	keys, err := wire.NewKeyring([]byte("0123456789abcdef"))
	if err != nil {
		log.Fatal(err)
	}
	sealer := &wire.Sealer{Keys: keys, EncryptVersion: 1, Compress: true, Nonce: func(b []byte) {
		rand.Read(b)
	}}
	var scratch wire.Scratch

	// Two messages go into one packet.
	var packer wire.Packer
	packer.Reset(1400 - sealer.Overhead())
	ping := wire.Ping{Seq: 7, Node: []byte("web-2"), SourceNode: []byte("web-1")}
	packer.Add(ping.Append(nil))
	suspect := wire.Suspect{Inc: 3, Node: []byte("db-1"), From: []byte("web-1")}
	packer.Add(suspect.Append(nil))
	packet := sealer.SealPacket(nil, packer.AppendTo(nil), true, &scratch)

	msgs, err := sealer.OpenPacket(packet, &scratch, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, msg := range msgs {
		switch kind, body := wire.Type(msg[0]), msg[1:]; kind {
		case wire.TypePing:
			m, err := wire.ParsePing(body)
			fmt.Printf("%v %d of %s from %s, %v\n", kind, m.Seq, m.Node, m.SourceNode, err)
		case wire.TypeSuspect:
			m, err := wire.ParseSuspect(body)
			fmt.Printf("%v %s, incarnation %d, %v\n", kind, m.Node, m.Inc, err)
		}
	}

	_, err = (&wire.Sealer{Keys: keys}).OpenPacket([]byte("not for us"), &scratch, nil)
	fmt.Println(err == wire.ErrNotEncrypted)
	// Output:
	// ping 7 of web-2 from web-1, <nil>
	// suspect db-1, incarnation 3, <nil>
	// true
}
