package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"serf/internal/certs"
	"serf/internal/rpcaddr"
)

// tlsAlert begins what a server that expects TLS answers to anything else.
var tlsAlert = []byte{0x15, 0x03}

// Dial connects to the agent whose RPC address is addr: "127.0.0.1:7373", "tls://host:port" or
// "unix:///path". Close the client.
func Dial(ctx context.Context, addr string, o Options) (*Client, error) {
	to, err := rpcaddr.Parse(addr, 1)
	if err != nil {
		return nil, fmt.Errorf("rpc: address %q: %w", addr, err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	nc, err := o.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	return NewClient(ctx, nc, o)
}

func (o *Options) dial(ctx context.Context, to rpcaddr.Addr) (net.Conn, error) {
	if to.Network != rpcaddr.TLS {
		var d net.Dialer
		return d.DialContext(ctx, to.Network, to.Address)
	}
	d := tls.Dialer{Config: o.TLS}
	if o.TLS == nil {
		d.Config = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	nc, err := d.DialContext(ctx, "tcp", to.Address)
	var plain tls.RecordHeaderError
	var dial *net.OpError
	switch {
	case err == nil:
		return nc, nil
	case errors.As(err, &plain), errors.Is(err, io.EOF):
		err = fmt.Errorf("no TLS is spoken there: is that the address for plain RPC? (%w)", err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, err // has the address
	}
	return nil, fmt.Errorf("dial %v: %w", to, err)
}

// TLSFiles are PEM files for connections by TLS. The zero value trusts the authorities of this
// system.
type TLSFiles struct {
	CA         string // the authorities that agents must have their certificate from
	Cert, Key  string // of the client, if the agent demands a certificate; both or none
	ServerName string // the name in the agent's certificate; empty: the host of the address
}

// Config reads the files. It is for Options.TLS.
func (f TLSFiles) Config() (*tls.Config, error) {
	c := &tls.Config{ServerName: f.ServerName, MinVersion: tls.VersionTLS13}
	var err error
	if f.CA != "" {
		if c.RootCAs, _, err = certs.LoadPool("ca", f.CA); err != nil {
			return nil, err
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("a client's certificate and its key are needed together")
	}
	if f.Cert == "" {
		return c, nil
	}
	pair, _, err := certs.LoadPair(f.Cert, f.Key)
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
