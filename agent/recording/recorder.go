package recording

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"runtime"
	"time"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Limits of what waits for the disk.
const (
	// WriteLatest is the age at which entries are handed to the writer: a crash loses at most the
	// last second.
	//
	// That is done in turns that take place anyway: if the node has none to come before, in the
	// present one, unless there were entries to write less than writePause ago.
	WriteLatest = time.Second
	writePause  = 500 * time.Millisecond
	// writeSize is how many bytes don't wait for that.
	writeSize = 64 << 10
	// behindMax is how many bytes may wait for a slow disk. Beyond it inputs are dropped, up to the
	// next checkpoint.
	behindMax = 4 << 20
	// closeWait bounds the wait for the disk at the end.
	closeWait = 5 * time.Second
	// crashWait is the same when the process is about to end by a fault of its own.
	crashWait = time.Second
)

// When a segment ends.
const (
	segmentAge = time.Hour
	// clockStep is by how much the host's clock may go wrong by the node's: times of inputs are
	// counted from the checkpoint. More means that it was set, or that the host was suspended.
	clockStep = time.Second
	// segmentShare is the part of the limit that a segment takes, segmentMin its least size.
	segmentShare = 16
	segmentMin   = 64 << 10
	// segmentMost bounds it, too: whoever replays a segment reads it as a whole.
	segmentMost = 64 << 20
)

// mode of a recorder.
type mode uint8

const (
	modeOn   mode = iota
	modeGap       // the disk is too slow: inputs are dropped until it has caught up
	modeStop      // an error ended the recording
)

// Recorder records the inputs of one node. The goroutine that owns the node owns it, too, but for
// Stats.
type Recorder struct {
	// What every input needs comes first and together.
	buf     []byte    // entries that wait
	due     swim.Time // when they are to be written; Never if there are none
	last    swim.Time // of the last entry
	count   uint64    // of them
	mode    mode
	calling bool // into the node
	sums    Summer
	nonces  Nonces
	*writer

	flushed swim.Time     // when entries were last written
	began   swim.Time     // of the segment
	wall    time.Time     // the same by the host's clock
	size    int64         // of its entries
	room    int64         // for its entries
	lost    uint64        // entries since the last that was written
	ring    *wire.Keyring // whose primary is seal
	seal    *seal

	clock  func(swim.Time) time.Time // what the host's clock says at a time of the node's
	limit  int64
	build  string
	run    string
	number int         // of the next segment
	conf   serf.Config // of the node
}

// start begins a recording: it has the node of c ask, and draw nonces, by way of the recorder.
func (r *Recorder) start(now swim.Time, c *serf.Config) {
	r.conf = *c
	var id [8]byte
	rand.Read(id[:])
	r.run = hex.EncodeToString(id[:])
	r.last = now
	interpose(c, r.asked)
	var keys *wire.Keyring
	if s := c.Sealer; s != nil {
		keys = s.Keys
		with := *s
		with.PacketNonce = r.nonces.Fill
		c.Sealer = &with
	}
	r.begin(now, keys, nil)
}

// begin begins a segment with a node in this state.
func (r *Recorder) begin(now swim.Time, keys *wire.Keyring, state []byte) {
	c := Checkpoint{At: now, Wall: r.clock(now), Config: saveConfig(&r.conf),
		Keys: keys.Fingerprints(), State: state}
	rand.Read(c.Nonces[:])
	r.nonces.Seed(c.Nonces)
	r.useKeys(keys)
	h := Header{Run: r.run, Segment: r.number, Time: c.Wall.UTC(), Build: r.build,
		System: runtime.GOOS + "/" + runtime.GOARCH}
	if r.seal != nil {
		h.Key = r.seal.print.String()
	}
	content := c.append(nil)
	r.mode, r.number, r.began, r.last, r.size = modeOn, r.number+1, now, now, 0
	r.wall = c.Wall.Round(0)
	size, head := min(r.limit/segmentShare, segmentMost), int64(len(content))
	r.room = max(size-head, head, segmentMin)
	r.clear(r.buffer())
	r.send(chunk{kind: frameCheckpoint, header: &h, content: content, seal: r.seal})
}

// useKeys seals what follows with the primary of these keys.
func (r *Recorder) useKeys(keys *wire.Keyring) {
	if keys == r.ring {
		return
	}
	r.ring, r.seal = keys, nil
	if keys != nil {
		r.seal, _ = newSeal(keys.Primary()) // it is one of a keyring
	}
}

// clear begins an empty buffer with this memory.
func (r *Recorder) clear(b []byte) {
	r.buf, r.count, r.due = b[:0], 0, swim.Never
}

// record records an input and what comes of it.
func (r *Recorder) record(
	e *Entry, out *swim.Output, apply func() (swim.OpID, error),
) (op swim.OpID, err error) {
	if r.mode != modeOn {
		r.lose(1)
		return apply()
	}
	if out == nil {
		out = &nothing
	}
	c := checkpoint.Saver(r.buf)
	e.codeHead(c, r.last)
	e.code(c)
	r.buf = c.Saved()
	r.call(e.At)
	defer r.returned()
	m := MarkOf(out)
	op, err = apply()
	r.end(r.sums.Sum(m, out, op, err))
	return op, err
}

// nothing is the output of a call that has none.
var nothing swim.Output

// call notes that the node is called.
func (r *Recorder) call(now swim.Time) {
	r.last = now
	r.due = min(r.due, now.Add(WriteLatest))
	r.count++
	r.calling = true
}

// end records how a call ended.
func (r *Recorder) end(e Effects) {
	r.buf = e.append(append(r.buf, byte(ended)))
	r.calling = false
}

// returned is deferred, so that a call that panics is written.
func (r *Recorder) returned() {
	if r.calling {
		r.crash()
	}
}

// Inputs that come all the time are written without an Entry: processors have forgotten about most
// of this program between two packets of a quiet cluster, so the fewer of its instructions are
// needed, the less a recording costs. The bytes are those of Entry.code.

func (r *Recorder) packet(
	n *serf.Node, now swim.Time, from netip.AddrPort, p []byte, out *swim.Output,
) {
	if r.mode != modeOn {
		r.lose(1)
		n.Packet(now, from, p, out)
		return
	}
	b := binary.AppendVarint(append(r.buf, byte(KindPacket)), int64(now-r.last))
	at := len(b) + 2
	b, _ = from.AppendBinary(append(b, 1, 0)) // it never fails
	if b[at-1] = byte(len(b) - at); len(b)-at > 0x7f {
		b = b[:at] // no system has such a zone
		b[at-1] = 0
	}
	r.buf = append(binary.AppendUvarint(append(b, 1), uint64(len(p))), p...)
	r.call(now)
	defer r.returned()
	m := MarkOf(out)
	n.Packet(now, from, p, out)
	r.end(r.sums.Sum(m, out, 0, nil))
}

func (r *Recorder) tick(n *serf.Node, now swim.Time, out *swim.Output) {
	if r.mode != modeOn {
		r.lose(1)
		n.Tick(now, out)
		return
	}
	r.buf = binary.AppendVarint(append(r.buf, byte(KindTick)), int64(now-r.last))
	r.call(now)
	defer r.returned()
	m := MarkOf(out)
	n.Tick(now, out)
	r.end(r.sums.Sum(m, out, 0, nil))
}

// asked records what is answered during an input.
func (r *Recorder) asked(_ AnswerKind, ask func() Answer) Answer {
	a := ask()
	if r.calling {
		c := checkpoint.Saver(append(r.buf, byte(a.Kind)))
		a.code(c)
		r.buf = c.Saved()
	}
	return a
}

// endTurn hands over what has waited long enough, and begins a new segment if it is time to.
func (r *Recorder) endTurn(n *serf.Node, now swim.Time) {
	waiting := len(r.buf)
	over := now.Sub(r.began) >= segmentAge || r.size+int64(waiting) >= r.room
	switch {
	case r.mode == modeOn && !over && waiting < writeSize && !r.isDue(now, n.Deadline()):
	case r.mode == modeStop:
	case r.failed.Load():
		r.mode = modeStop
		r.lose(r.count)
		r.clear(nil)
	case r.mode == modeGap:
		if r.behind.Load() == 0 {
			r.log.Infof("agent", "Recording goes on: %d inputs are missing", r.lost)
			r.next(n, now, End{Reason: EndGap, Lost: r.lost})
		}
	default:
		r.flush(n)
		if r.flushed = now; r.mode == modeOn && (over || r.clockWasSet(now)) {
			r.next(n, now, End{Reason: EndNext})
		}
	}
}

// clockWasSet tells whether times counted from the checkpoint are no longer those of the host.
func (r *Recorder) clockWasSet(now swim.Time) bool {
	return (r.clock(now).Sub(r.wall) - now.Sub(r.began)).Abs() > clockStep
}

// isDue tells whether to write now, rather than in the node's next turn.
func (r *Recorder) isDue(now, next swim.Time) bool {
	return now >= r.due || next > r.due && now.Sub(r.flushed) >= writePause
}

// next ends the segment and begins another.
func (r *Recorder) next(n *serf.Node, now swim.Time, end End) {
	r.endSegment(end)
	r.lost = 0
	r.begin(now, ringOf(n), n.AppendState(nil))
}

// endSegment says how the segment ends.
func (r *Recorder) endSegment(end End) {
	text, _ := json.Marshal(end) // it has no values that could fail
	r.send(chunk{kind: frameEnd, content: text, seal: r.seal})
}

func ringOf(n *serf.Node) *wire.Keyring {
	if s := n.Sealer(); s != nil {
		return s.Keys
	}
	return nil
}

// flush hands what waits to the writer. If that is too far behind, the recording has a gap.
func (r *Recorder) flush(n *serf.Node) {
	b := r.buf
	if len(b) == 0 {
		return
	}
	if behind := r.behind.Load(); behind > 0 && behind+int64(len(b)) > behindMax || r.full() {
		r.mode = modeGap
		r.lose(r.count)
		r.clear(b)
		r.log.Warnf("agent", "Recording: the disk is too slow, inputs are missing from now on")
		return
	}
	r.size += int64(len(b))
	// A frame is sealed with a key that the node has: it may have lost the one of before.
	r.useKeys(ringOf(n))
	r.send(chunk{kind: frameEntries, content: b, inputs: r.count, seal: r.seal})
	r.clear(r.buffer())
}

// lose counts inputs that aren't recorded.
func (r *Recorder) lose(n uint64) {
	r.lost += n
	r.lostInputs.Add(n)
}

// crash writes what there is when a call doesn't return: its input is what matters most.
func (r *Recorder) crash() {
	r.send(chunk{kind: frameEntries, content: bytes.Clone(r.buf), seal: r.seal})
	r.wait(crashWait)
}

// finish ends the recording, and waits for the disk.
func (r *Recorder) finish() {
	switch r.mode {
	case modeOn:
		if b := r.buf; len(b) > 0 {
			r.send(chunk{kind: frameEntries, content: b, inputs: r.count, seal: r.seal})
		}
		r.endSegment(End{Reason: EndClosed})
	case modeGap:
		r.endSegment(End{Reason: EndGap, Lost: r.lost})
	}
	r.mode = modeStop
	r.close(closeWait)
}
