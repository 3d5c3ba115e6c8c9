package netsim

import "serf/swim"

func (w *worker) collect(side int) {
	for _, from := range w.sim.workers {
		if from != w {
			w.unpack(&from.outbox[side][w.id])
		}
	}
}

func (w *worker) unpack(box *outbox) {
	for _, e := range box.events {
		if e.kind == kindPacket {
			from, to, data := box.flights.at(e.ref)
			i := e.ref
			e.ref = w.flights.put(from, to, data)
			box.flights.drop(i)
		} else {
			e.ref = w.letters.put(box.letters[e.ref])
		}
		w.queue.push(e)
	}
	clear(box.letters)
	box.events, box.letters, box.first = box.events[:0], box.letters[:0], swim.Never
}

// sendFlight queues the arrival of a packet at host e.to, whoever simulates it.
func (w *worker) sendFlight(e event, from, to place, data []byte) {
	if other := w.sim.worker(e.to()); other == w || !w.sim.together {
		e.ref = other.flights.put(from, to, data)
		other.queue.push(e)
	} else {
		box := &w.outbox[w.sim.side][other.id]
		e.ref = box.flights.put(from, to, data)
		box.add(e)
	}
}

// sendLetter is the same for a letter.
func (w *worker) sendLetter(e event, x letter) {
	if other := w.sim.worker(e.to()); other == w || !w.sim.together {
		e.ref = other.letters.put(x)
		other.queue.push(e)
	} else {
		box := &w.outbox[w.sim.side][other.id]
		e.ref = uint32(len(box.letters))
		box.letters = append(box.letters, x)
		box.add(e)
	}
}

func (b *outbox) add(e event) {
	if len(b.events) == 0 {
		b.first = e.at
	}
	b.first = min(b.first, e.at)
	b.events = append(b.events, e)
}
