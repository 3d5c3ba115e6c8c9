package wire

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
)

// countingNonce is a deterministic source of nonces that don't repeat.
func countingNonce() func([]byte) {
	var n uint64
	return func(b []byte) {
		n++
		binary.BigEndian.PutUint64(b, n)
	}
}

// fixedNonce always returns the nonce of a recorded packet, to reproduce its bytes.
func fixedNonce(nonce []byte) func([]byte) {
	return func(b []byte) { copy(b, nonce) }
}

func keyring(t testing.TB, keys ...[]byte) *Keyring {
	t.Helper()
	k, err := NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func key(size int, fill byte) []byte { return bytes.Repeat([]byte{fill}, size) }

// lzwBytes compresses with the standard library, as the original does.
func lzwBytes(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := lzw.NewWriter(&b, lzw.LSB, 8)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t testing.TB, plain []byte) []byte {
	return appendCompress(nil, lzwBytes(t, plain))
}

// compound packs parts without Packer's checks.
func compound(parts ...[]byte) []byte {
	b := []byte{byte(TypeCompound), byte(len(parts))}
	for _, p := range parts {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
	}
	return append(b, bytes.Join(parts, nil)...)
}

// bigPushPull is a push/pull of n members like those of a real cluster.
func bigPushPull(n, userState int) []byte {
	h := PushPullHeader{Nodes: n, UserStateLen: userState}
	b := h.Append(nil)
	for i := range n {
		s := NodeState{
			Addr: []byte{10, 0, byte(i >> 8), byte(i)}, Inc: uint32(i % 7), Port: 7946,
			Meta: AppendTags(nil, []Tag{{"dc", "east"}, {"role", "web"}}),
			Name: fmt.Appendf(nil, "member-%05d", i), Vsn: []byte{1, 5, 2, 2, 5, 5},
		}
		b = s.Append(b)
	}
	return append(b, make([]byte, userState)...)
}

func exampleAlive() *Alive {
	return &Alive{
		Inc: 7, Node: []byte("member-00042"), Addr: []byte{10, 0, 0, 42}, Port: 7946,
		Meta: AppendTags(nil, []Tag{{"dc", "east"}, {"role", "web"}}),
		Vsn:  []byte{1, 5, 2, 2, 5, 5},
	}
}

// allocatedBy is how many bytes f allocates, including those it frees.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
