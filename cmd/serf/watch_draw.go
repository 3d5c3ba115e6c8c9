package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"serf/internal/watch"
)

// How a watch is drawn.
const (
	watchFrame = 100 * time.Millisecond // least time between two screens
	watchInput = 256                    // bytes of keys that are read in one go
	watchKeys  = 16                     // inputs that wait
)

// draw shows the screen until q is pressed or ctx ends. The terminal is restored in any case, even
// of a panic.
func (s *watchSession) draw(ctx context.Context, in, out *os.File, e env) (code int) {
	t := &watchTerminal{in: in, out: out}
	if noColour, _ := e.LookupEnv("NO_COLOR"); noColour == "" {
		t.colours = true
	}
	if err := t.enter(); err != nil {
		return e.fail("preparing the terminal", err)
	}
	defer t.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.run(ctx)
	keys := make(chan []byte, watchKeys)
	go readKeys(ctx, in, keys)
	resized, stop := watchSize()
	defer stop()
	w := &watchLoop{s: s, t: t, model: watch.New(time.Now(), 0, 0), dirty: true}
	w.resize()
	if err := w.run(ctx, keys, resized); err != nil {
		t.leave()
		return e.fail("drawing", err)
	}
	return exitOK
}

// readKeys sends on what is typed. It ends with the program: a read can't be interrupted.
func readKeys(ctx context.Context, in *os.File, keys chan<- []byte) {
	defer close(keys)
	for {
		b := make([]byte, watchInput)
		n, err := in.Read(b)
		if err != nil {
			return
		}
		select {
		case keys <- b[:n]:
		case <-ctx.Done():
			return
		}
	}
}

// watchLoop owns the model and the terminal.
type watchLoop struct {
	s     *watchSession
	t     *watchTerminal
	model *watch.Model
	dirty bool

	width, height int // of the terminal
}

// run ends when the user or ctx wants it to, or with an error of the terminal. At most one screen
// is drawn in watchFrame, however much happens.
func (w *watchLoop) run(ctx context.Context, keys <-chan []byte, resized <-chan struct{}) error {
	frame := time.NewTicker(watchFrame)
	defer frame.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case u := <-w.s.updates:
			w.update(ctx, &u)
		case <-resized:
			w.resize()
		case b, ok := <-keys:
			if !ok || !w.typed(ctx, b) {
				return nil
			}
			if err := w.show(); err != nil { // at once: somebody waits for it
				return err
			}
			w.s.lookNow()
		case now := <-frame.C:
			if now.Unix() != w.t.drawn.Unix() {
				w.dirty = true // ages and the clock
			}
			if !w.dirty {
				continue
			}
			if err := w.show(); err != nil {
				return err
			}
		}
	}
}

// update hands an update to the model.
func (w *watchLoop) update(ctx context.Context, u *watchUpdate) {
	now := time.Now()
	switch {
	case u.connected:
		w.model.Connected(now, u.agent, u.members)
		w.s.show(w.model.Visible())
		w.s.lookNow()
	case u.members != nil:
		w.model.Listed(now, u.members)
	case u.event != nil:
		w.model.Happened(now, *u.event)
	case u.lost != nil:
		w.model.Lost(now, u.lost.Error())
	case u.figures != nil:
		w.model.Figures(u.figures)
	case u.rtts != nil:
		for name, ms := range u.rtts { // order-free: each is of another member
			w.model.RTT(name, ms)
		}
	case u.history != nil:
		w.model.History(u.history.name, u.history.lines, u.history.instead)
	}
	w.dirty = true
}

// typed takes keys, and reports whether to go on.
func (w *watchLoop) typed(ctx context.Context, b []byte) bool {
	if slices.Contains(b, ctrlL) {
		w.t.forget()
	}
	switch w.model.Typed(b) {
	case watch.Quit:
		return false
	case watch.Suspend:
		w.t.suspend()
		w.resize()
	case watch.Ask:
		go w.s.ask(ctx, w.model.Details())
	}
	return true
}

// ctrlL asks for a new drawing, where something else has written over the screen.
const ctrlL = 12

func (w *watchLoop) resize() {
	width, height, err := term.GetSize(int(w.t.out.Fd()))
	if err != nil {
		width, height = 80, 24 // the size that terminals once had
	}
	if w.width == width && w.height == height {
		return
	}
	w.width, w.height = width, height
	w.model.Resize(width, height)
	w.t.forget()
	w.dirty = true
}

func (w *watchLoop) show() error {
	now := time.Now()
	w.model.Tick(now)
	w.dirty, w.t.drawn = false, now
	w.s.show(w.model.Visible())
	return w.t.show(w.model.Screen())
}

// watchTerminal is the screen.
type watchTerminal struct {
	in, out *os.File
	colours bool
	was     *term.State // nil: not entered
	shown   []string    // the lines on it; nil: unknown
	drawn   time.Time
}

// Control sequences of terminals.
const (
	screenEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J" // the other screen, no cursor, no wrapping
	screenLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
	lineClear   = "\x1b[0m\x1b[K" // before a line: after a full one it would take its last column
	styleEnd    = "\x1b[0m"
)

// sgr are the sequences of styles; those of colours are left out without colours.
var sgr = map[watch.Style]string{
	watch.Reverse: "\x1b[7m", watch.Bold: "\x1b[1m", watch.Faint: "\x1b[2m",
	watch.Red: "\x1b[31m", watch.Yellow: "\x1b[33m", watch.Green: "\x1b[32m",
}

func (t *watchTerminal) enter() (err error) {
	if err = prepareOutput(t.out); err != nil {
		return err
	}
	if t.was, err = term.MakeRaw(int(t.in.Fd())); err != nil {
		return err
	}
	t.forget()
	_, err = t.out.WriteString(screenEnter)
	return err
}

// leave restores the terminal. It may be called again.
func (t *watchTerminal) leave() {
	if t.was == nil {
		return
	}
	t.out.WriteString(screenLeave)
	term.Restore(int(t.in.Fd()), t.was)
	t.was = nil
}

// suspend stops the program until the shell continues it.
func (t *watchTerminal) suspend() {
	t.leave()
	stopProcess()
	t.enter() // an error shows with the next screen
}

// forget has the next screen drawn as a whole.
func (t *watchTerminal) forget() { t.shown = nil }

// show draws those lines that have changed, in one write.
func (t *watchTerminal) show(lines []watch.Line) error {
	var b strings.Builder
	if t.shown == nil {
		b.WriteString("\x1b[2J")
		t.shown = make([]string, 0, len(lines))
	}
	for i, line := range lines {
		text := t.text(line)
		if i == len(t.shown) {
			t.shown = append(t.shown, "")
		}
		if t.shown[i] != text {
			t.shown[i] = text
			fmt.Fprintf(&b, "\x1b[%d;1H%s%s", i+1, lineClear, text)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := t.out.WriteString(b.String())
	return err
}

// text is a line with the sequences of its styles.
func (t *watchTerminal) text(line watch.Line) string {
	var b strings.Builder
	for _, s := range line {
		style := sgr[s.Style]
		if s.Style >= watch.Red && !t.colours {
			style = ""
		}
		b.WriteString(style + s.Text)
		if style != "" {
			b.WriteString(styleEnd)
		}
	}
	return b.String()
}
