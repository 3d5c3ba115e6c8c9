// Package certs reads the certificates of TLS, and replaces those of a listener while it listens:
// connections that are there keep theirs, new ones get the new ones. It needs the paths of the
// files, and leaves it to the caller when to read them again and where errors are shown.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"serf/internal/std"
)

// fileMax bounds a file of certificates, in bytes. A bundle of all authorities of the web has some
// 220,000.
const fileMax = 1 << 20

// soon is how long before the end of a certificate there is a warning.
const soon = 7 * 24 * time.Hour

// Files are the paths of PEM files.
type Files struct {
	Cert string // the certificate, followed by those between it and its authority
	Key  string // its private key
	// ClientCA has the authorities of clients. If it isn't empty, each client must have a
	// certificate of one of them.
	ClientCA string
}

// Error is a file that can't be used. Part is what it was to be: "cert", "key", "client_ca" or "ca".
type Error struct {
	Part, Path string
	Err        error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

var errNoCert = errors.New("no certificate in PEM form is in it")

// Set is what is in the files.
type Set struct {
	tls *tls.Config
	pem []byte // all files, to compare
}

// Load reads the files. Connections have at least the version min of TLS, such as
// [tls.VersionTLS13]. The error is an *Error.
func Load(f Files, min uint16) (*Set, error) {
	pair, pem, err := LoadPair(f.Cert, f.Key)
	if err != nil {
		return nil, err
	}
	s := &Set{tls: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: min}, pem: pem}
	if f.ClientCA == "" {
		return s, nil
	}
	if err := s.requireClients(f.ClientCA); err != nil {
		return nil, err
	}
	return s, nil
}

// requireClients makes clients need a certificate of one of the authorities in a file.
func (s *Set) requireClients(path string) error {
	pool, pem, err := LoadPool("client_ca", path)
	if err != nil {
		return err
	}
	s.tls.ClientAuth, s.tls.ClientCAs = tls.RequireAndVerifyClientCert, pool
	s.pem = append(s.pem, pem...)
	return nil
}

// LoadPair reads a certificate, followed by those between it and its authority, and its private key.
// pem is what is in the files. The error is an *Error.
func LoadPair(certPath, keyPath string) (pair tls.Certificate, pem []byte, err error) {
	cert, err := read("cert", certPath)
	if err != nil {
		return pair, nil, err
	}
	key, err := read("key", keyPath)
	if err != nil {
		return pair, nil, err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(cert) {
		return pair, nil, &Error{"cert", certPath, errNoCert}
	}
	if pair, err = tls.X509KeyPair(cert, key); err != nil {
		return pair, nil, &Error{"key", keyPath, fmt.Errorf("not the key of %s: %w", certPath, err)}
	}
	return pair, append(cert, key...), nil
}

// LoadPool reads the certificates of authorities; part is what the file is to be. pem is what is in
// it. The error is an *Error.
func LoadPool(part, path string) (pool *x509.CertPool, pem []byte, err error) {
	if pem, err = read(part, path); err != nil {
		return nil, nil, err
	}
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, &Error{part, path, errNoCert}
	}
	return pool, pem, nil
}

// read reads a file of at most fileMax bytes.
func read(part, path string) ([]byte, error) {
	f, err := os.Open(path)
	var data []byte
	if err == nil {
		defer f.Close() // it was only read
		data, err = io.ReadAll(io.LimitReader(f, fileMax+1))
	}
	if err == nil && len(data) > fileMax {
		err = fmt.Errorf("more than %d bytes", fileMax)
	}
	if err != nil {
		return nil, &Error{part, path, std.WithoutPath(err)}
	}
	return data, nil
}

// Warning says that the certificate isn't valid now, or not for long; empty: it is.
func (s *Set) Warning(now time.Time) string {
	leaf := s.tls.Certificates[0].Leaf
	switch {
	case now.Before(leaf.NotBefore):
		return "the certificate is valid only from " + leaf.NotBefore.UTC().Format(time.RFC3339) + " on"
	case now.After(leaf.NotAfter):
		return "the certificate has expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)
	case now.Add(soon).After(leaf.NotAfter):
		return "the certificate expires at " + leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	return ""
}

// Live is the set that new connections get.
type Live struct{ now atomic.Pointer[Set] }

// NewLive begins with s. From then on only Replace changes it.
func NewLive(s *Set) *Live {
	l := &Live{}
	l.now.Store(s)
	return l
}

// Replace makes new connections get s, and reports whether that differs from what they had. If it
// doesn't, sessions can still be resumed.
func (l *Live) Replace(s *Set) (changed bool) {
	if bytes.Equal(l.now.Load().pem, s.pem) {
		return false
	}
	l.now.Store(s)
	return true
}

// Leaf is the certificate that new connections get.
func (l *Live) Leaf() *x509.Certificate { return l.now.Load().tls.Certificates[0].Leaf }

// Server is the configuration of a listener whose connections get what l has.
func (l *Live) Server() *tls.Config {
	return &tls.Config{
		MinVersion: l.now.Load().tls.MinVersion,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return l.now.Load().tls, nil
		},
	}
}
