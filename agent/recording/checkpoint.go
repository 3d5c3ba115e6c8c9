package recording

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Checkpoint is what a segment begins with: all that a node needs to go on from there.
type Checkpoint struct {
	At   swim.Time
	Wall time.Time
	// Config is that of the node without its functions and keys, see NodeConfig.
	Config savedConfig
	// Keys are the fingerprints of its keys, the primary first; nil without any.
	Keys []wire.Fingerprint
	// Nonces is the seed of the nonces of packets from here on.
	Nonces [32]byte
	// State is the node's, see serf.Node.AppendState. At the start of a run there is none: the
	// first entry makes the node.
	State []byte `json:"-"`
}

// savedConfig is a serf.Config as JSON, by the names of its fields.
type savedConfig struct {
	serf.Config
	// In place of the fields of these names.
	Sealer                                 *savedSealer
	Listener, Admit, AdmitMerge, ListedFor bool // which are set
}

// savedSealer is a wire.Sealer without keys and nonces.
type savedSealer struct {
	Label                       string
	EncryptVersion              uint8
	PlainIn, PlainOut, Compress bool
}

func saveConfig(c *serf.Config) savedConfig {
	saved := savedConfig{Config: *c, Listener: c.Listener != nil, Admit: c.Admit != nil,
		AdmitMerge: c.AdmitMerge != nil, ListedFor: c.ListedFor != nil}
	if s := c.Sealer; s != nil {
		saved.Sealer = &savedSealer{s.Label, s.EncryptVersion, s.PlainIn, s.PlainOut, s.Compress}
	}
	return saved
}

// Ring returns the keyring with these fingerprints; nil if there are none.
func (k Keys) Ring(prints []wire.Fingerprint) (*wire.Keyring, error) {
	if prints == nil {
		return nil, nil
	}
	var ring [][]byte
	for _, print := range prints {
		key, ok := k[print]
		if !ok {
			return nil, &KeyError{print}
		}
		ring = append(ring, key)
	}
	if len(ring) == 0 {
		return nil, errFormat
	}
	return wire.NewKeyring(ring[0], ring[1:]...)
}

// NodeConfig returns the configuration of the node. What it asks is answered by a; its packets have
// the nonces that they had.
func (c *Checkpoint) NodeConfig(keys Keys, a *Answers, nonces *Nonces) (serf.Config, error) {
	conf := c.Config.Config
	a.ask(&c.Config, &conf)
	nonces.Seed(c.Nonces)
	if s := c.Config.Sealer; s != nil {
		ring, err := keys.Ring(c.Keys)
		if err != nil {
			return conf, err
		}
		conf.Sealer = &wire.Sealer{Label: s.Label, EncryptVersion: s.EncryptVersion,
			PlainIn: s.PlainIn, PlainOut: s.PlainOut, Compress: s.Compress,
			Keys: ring, Nonce: nonces.Fill, PacketNonce: nonces.Fill}
	}
	return conf, nil
}

// Nonces are those of a node's packets: at random for everybody else, and repeatable from the seed
// in the checkpoint. The zero Nonces have to be seeded before they are used.
type Nonces struct{ source *rand.ChaCha8 }

// Seed begins anew.
func (n *Nonces) Seed(seed [32]byte) {
	if n.source == nil {
		n.source = rand.NewChaCha8(seed)
		return
	}
	n.source.Seed(seed)
}

// Fill fills a nonce.
func (n *Nonces) Fill(b []byte) { n.source.Read(b) }

// append appends the content of the checkpoint's frame.
func (c *Checkpoint) append(b []byte) []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic("BUG: checkpoint: " + err.Error())
	}
	w := checkpoint.Saver(b)
	w.Bytes(&text)
	w.Bytes(&c.State)
	return w.Saved()
}

func parseCheckpoint(b []byte) (*Checkpoint, error) {
	r := checkpoint.Restorer(b)
	var text, state []byte
	r.Bytes(&text)
	r.Bytes(&state)
	if r.End() != nil {
		return nil, fmt.Errorf("%w: checkpoint", errFormat)
	}
	// What an older build didn't know has its default.
	c := &Checkpoint{Config: savedConfig{Config: serf.DefaultConfig(swim.Timing{})}}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%w: checkpoint: %w", errFormat, err)
	}
	c.State = state
	return c, nil
}
