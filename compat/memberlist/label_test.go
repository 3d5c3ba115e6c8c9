package memberlist

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

var longest = strings.Repeat("l", LabelMaxSize)

func TestPacketLabels(t *testing.T) {
	for _, label := range []string{"", "a", longest} {
		packet, err := AddLabelHeaderToPacket([]byte("body"), label)
		if err != nil {
			t.Fatal(err)
		}
		body, got, err := RemoveLabelHeaderFromPacket(packet)
		if err != nil || got != label || string(body) != "body" {
			t.Errorf("%q: got %q, %q, %v", label, got, body, err)
		}
	}
	_, err := AddLabelHeaderToPacket(nil, longest+"l")
	wantError(t, err, `label "`+longest+`l" is too long`)
}

var labelHeads = []struct{ reason, bytes, label, rest, err string }{
	{"nothing", "", "", "", ""},
	{"no label", "\x00body", "", "\x00body", ""},
	{"a label", "\xf4\x02abbody", "ab", "body", ""},
	{"a label alone", "\xf4\x02ab", "ab", "", ""},
	{"an empty label", "\xf4\x00body", "", "", "label header cannot be empty when present"},
	{"no length", "\xf4", "", "", "cannot decode label; packet has been truncated"},
	{"half a label", "\xf4\x02a", "", "", "cannot decode label; packet has been truncated"},
}

func TestLabelsOfReceivedPackets(t *testing.T) {
	for _, c := range labelHeads {
		rest, label, err := RemoveLabelHeaderFromPacket([]byte(c.bytes))
		wantError(t, err, c.err)
		if label != c.label || string(rest) != c.rest {
			t.Errorf("%s: got %q, %q", c.reason, label, rest)
		}
	}
}

// sending returns a connection on which the other end writes s and closes.
func sending(t *testing.T, s string) net.Conn {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	go func() {
		_, _ = io.WriteString(far, s)
		far.Close()
	}()
	return near
}

func TestLabelsOfReceivedStreams(t *testing.T) {
	for _, c := range labelHeads {
		conn, label, err := RemoveLabelHeaderFromStream(sending(t, c.bytes))
		wantError(t, err, strings.ReplaceAll(c.err, "packet", "stream"))
		if err != nil {
			continue
		}
		rest, err := io.ReadAll(conn)
		if err != nil || label != c.label || string(rest) != c.rest {
			t.Errorf("%s: got %q, %q, %v", c.reason, label, rest, err)
		}
	}
}

func TestStreamThatFailsBeforeItsLabel(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	near.SetDeadline(time.Now().Add(-time.Second))
	if conn, _, err := RemoveLabelHeaderFromStream(near); !errors.Is(err, os.ErrDeadlineExceeded) || conn != nil {
		t.Errorf("got %v, %v", conn, err)
	}
}

func TestLabelsOfSentStreams(t *testing.T) {
	for _, label := range []string{"", "a", longest} {
		near, far := net.Pipe()
		go func() {
			if err := AddLabelHeaderToStream(near, label); err != nil {
				t.Error(err)
			}
			near.Close()
		}()
		got, err := io.ReadAll(far)
		want, _ := AddLabelHeaderToPacket(nil, label)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, %v", label, got, err)
		}
	}
	wantError(t, AddLabelHeaderToStream(nil, longest+"l"), `label "`+longest+`l" is too long`)
}
