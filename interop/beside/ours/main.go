// Ours is a program that embeds membership: beside/original is the same on memberlist. The figures
// compare what the two take.
//
//	ours NAME ADDRESS SIZE [JOIN]
//
// It prints "all" when it knows SIZE members.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"os"
	"strconv"

	"serf/membership"
)

func main() {
	size, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	n, err := membership.Start(ctx, membership.Config{
		Name: os.Args[1], Bind: netip.MustParseAddrPort(os.Args[2]), Meta: []byte("role=web"),
		Compress: true, Logger: slog.New(slog.DiscardHandler),
		OnMessage: func(membership.Message) {}, OnEvent: func(membership.Event) {},
	})
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 4 {
		if _, err := n.Join(ctx, os.Args[4]); err != nil {
			log.Fatal(err)
		}
	}
	for members := range n.WatchMembers(ctx) {
		if len(members) >= size {
			break
		}
	}
	fmt.Println("all")
	select {}
}
