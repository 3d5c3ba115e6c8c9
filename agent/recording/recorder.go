package recording

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"runtime"
	"time"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Limits of what waits for the disk.
const (
	// writeLatest is the age at which entries are handed to the writer: a crash loses at most the last
	// second. That is done in turns that take place anyway: if the node has none to come before, in
	// the present one, unless there were entries to write less than writePause ago. To wake the
	// process up costs more than all else that the recorder does.
	writeLatest = time.Second
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
	// segmentShare is the part of the limit that a segment takes, segmentMin its least size.
	segmentShare = 16
	segmentMin   = 64 << 10
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
	*writer
	limit  int64
	build  string
	run    string
	number int // of the next segment

	conf   serf.Config // of the node
	mode   mode
	coder  checkpoint.Coder // writes into buf
	count  uint64           // entries in buf
	oldest swim.Time        // of them; Never if there are none
	last   swim.Time        // of the last entry
	lost   uint64           // entries since the last that was written
	sums   Summer
	nonces Nonces
	ring   *wire.Keyring // whose primary is seal
	seal   *seal

	flushed swim.Time // when entries were last written

	began swim.Time // of the segment
	size  int64     // of its entries
	room  int64     // for its entries
}

// start begins a recording: it has the node of c ask, and draw nonces, by way of the recorder.
func (r *Recorder) start(now swim.Time, c *serf.Config) {
	r.conf = *c
	var id [8]byte
	rand.Read(id[:])
	r.run = hex.EncodeToString(id[:])
	r.last = now
	r.interpose(c)
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
	c := Checkpoint{At: now, Wall: time.Now(), Config: saveConfig(&r.conf),
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
	r.room = max(r.limit/segmentShare-int64(len(content)), int64(len(content)), segmentMin)
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
	r.coder = *checkpoint.Saver(b[:0])
	r.count, r.oldest = 0, swim.Never
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
	m := MarkOf(out)
	e.codeHead(&r.coder, r.last)
	e.code(&r.coder)
	r.last = e.At
	r.oldest = min(r.oldest, e.At)
	r.count++
	returned := false
	defer func() {
		if !returned {
			r.crash()
		}
	}()
	op, err = apply()
	returned = true
	kind := ended
	checkpoint.Uint(&r.coder, &kind)
	effects := r.sums.Sum(m, out, op, err)
	effects.code(&r.coder)
	return op, err
}

// nothing is the output of a call that has none.
var nothing swim.Output

// answer records what was answered during an input.
func (r *Recorder) answer(a Answer) {
	if r.mode == modeOn {
		checkpoint.Uint(&r.coder, &a.Kind)
		a.code(&r.coder)
	}
}

// deadline is when endTurn is due.
func (r *Recorder) deadline() swim.Time { return r.oldest.Add(writeLatest) }

// endTurn hands over what has waited long enough, and begins a new segment if it is time to.
func (r *Recorder) endTurn(n *serf.Node, now swim.Time) {
	if r.mode == modeStop {
		return
	}
	if r.failed.Load() {
		r.mode = modeStop
		r.lose(r.count)
		r.clear(nil)
		return
	}
	waiting := len(r.coder.Saved())
	switch {
	case r.mode == modeGap:
		if r.behind.Load() == 0 {
			r.log.Infof("agent", "Recording goes on: %d inputs are missing", r.lost)
			r.next(n, now, End{Reason: EndGap, Lost: r.lost})
		}
	case now.Sub(r.began) >= segmentAge || r.size+int64(waiting) >= r.room:
		if r.flush(n); r.mode == modeOn {
			r.next(n, now, End{Reason: EndNext})
		}
	case waiting >= writeSize || r.due(now, n.Deadline()):
		r.flush(n)
		r.flushed = now
	}
}

// due tells whether to write now, rather than in the node's next turn.
func (r *Recorder) due(now, next swim.Time) bool {
	latest := r.deadline()
	return now >= latest || next > latest && latest != swim.Never && now.Sub(r.flushed) >= writePause
}

// next ends the segment and begins another.
func (r *Recorder) next(n *serf.Node, now swim.Time, end End) {
	r.end(end)
	r.lost = 0
	r.begin(now, ringOf(n), n.AppendState(nil))
}

func (r *Recorder) end(end End) {
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
	b := r.coder.Saved()
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
	r.send(chunk{kind: frameEntries, content: bytes.Clone(r.coder.Saved()), seal: r.seal})
	r.wait(crashWait)
}

// finish ends the recording, and waits for the disk.
func (r *Recorder) finish() {
	switch r.mode {
	case modeOn:
		if b := r.coder.Saved(); len(b) > 0 {
			r.send(chunk{kind: frameEntries, content: b, inputs: r.count, seal: r.seal})
		}
		r.end(End{Reason: EndClosed})
	case modeGap:
		r.end(End{Reason: EndGap, Lost: r.lost})
	}
	r.mode = modeStop
	r.close(closeWait)
}
