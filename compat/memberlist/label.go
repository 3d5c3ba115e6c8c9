package memberlist

import (
	"errors"
	"fmt"
	"io"
	"net"

	"serf/wire"
)

// labelHead is the size in bytes of what precedes a label: the type of a message and the length.
const labelHead = 2

var (
	errPacketLabelCut = errors.New("cannot decode label; packet has been truncated")
	errStreamLabelCut = errors.New("cannot decode label; stream has been truncated")
	errLabelEmpty     = errors.New("label header cannot be empty when present")
)

// labelHeader appends the header with label to b.
func labelHeader(b []byte, label string) []byte {
	return append(append(b, byte(wire.TypeLabel), byte(len(label))), label...)
}

func checkLabel(label string) error {
	if len(label) > LabelMaxSize {
		return fmt.Errorf("label %q is too long", label)
	}
	return nil
}

// AddLabelHeaderToPacket returns a packet with a header for label in front of buf, or buf itself if
// label is empty.
func AddLabelHeaderToPacket(buf []byte, label string) ([]byte, error) {
	if label == "" {
		return buf, nil
	}
	if err := checkLabel(label); err != nil {
		return nil, err
	}
	packet := make([]byte, 0, labelHead+len(label)+len(buf))
	return append(labelHeader(packet, label), buf...), nil
}

// RemoveLabelHeaderFromPacket returns what follows the header with the label, and the label; buf
// itself if there is none.
func RemoveLabelHeaderFromPacket(buf []byte) (newBuf []byte, label string, err error) {
	switch {
	case len(buf) == 0 || buf[0] != byte(wire.TypeLabel):
		return buf, "", nil
	case len(buf) < labelHead:
		return nil, "", errPacketLabelCut
	case buf[1] == 0:
		return nil, "", errLabelEmpty
	}
	end := labelHead + int(buf[1])
	if len(buf) < end {
		return nil, "", errPacketLabelCut
	}
	return buf[end:], string(buf[labelHead:end]), nil
}

// AddLabelHeaderToStream writes the header for label, unless that is empty.
func AddLabelHeaderToStream(conn net.Conn, label string) error {
	if label == "" {
		return nil
	}
	if err := checkLabel(label); err != nil {
		return err
	}
	_, err := conn.Write(labelHeader(nil, label))
	return err
}

// RemoveLabelHeaderFromStream reads the header with the label, if there is one. It returns a
// connection that goes on after it, and the label. If it fails, conn is the caller's to close.
func RemoveLabelHeaderFromStream(conn net.Conn) (net.Conn, string, error) {
	var b [labelHead + LabelMaxSize]byte // nothing behind the label is read
	if _, err := io.ReadFull(conn, b[:1]); err == io.EOF {
		return conn, "", nil
	} else if err != nil {
		return nil, "", err
	}
	if b[0] != byte(wire.TypeLabel) {
		return &pushedBack{Conn: conn, first: b[:1:1]}, "", nil
	}
	if err := readRest(conn, b[1:labelHead]); err != nil {
		return nil, "", err
	}
	if b[1] == 0 {
		return nil, "", errLabelEmpty
	}
	label := b[labelHead : labelHead+int(b[1])]
	if err := readRest(conn, label); err != nil {
		return nil, "", err
	}
	return conn, string(label), nil
}

// readRest fills p with bytes that have to come.
func readRest(conn net.Conn, p []byte) error {
	_, err := io.ReadFull(conn, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errStreamLabelCut
	}
	return err
}

// pushedBack is a connection from which bytes were read that its reader is still to get.
type pushedBack struct {
	net.Conn
	first []byte
}

// Read returns the bytes that were read too early, then those of the connection.
func (c *pushedBack) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}
