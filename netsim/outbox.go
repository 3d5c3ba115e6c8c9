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
			from, to, data := box.inFlight.at(e.ref)
			i := e.ref
			e.ref = w.inFlight.put(from, to, data)
			box.inFlight.drop(i)
		} else {
			e.ref = w.messages.put(box.messages[e.ref])
		}
		w.queue.push(e)
	}
	clear(box.messages)
	box.events, box.messages, box.first = box.events[:0], box.messages[:0], swim.Never
}

// sendPacket queues the arrival of a packet at host e.to, on the worker that simulates it.
func (w *worker) sendPacket(e event, from, to place, data []byte) {
	if other := w.sim.worker(e.to()); other == w || !w.sim.parallel {
		e.ref = other.inFlight.put(from, to, data)
		other.queue.push(e)
	} else {
		box := &w.outbox[w.sim.side][other.id]
		e.ref = box.inFlight.put(from, to, data)
		box.add(e)
	}
}

// sendMessage does the same for a stream message.
func (w *worker) sendMessage(e event, x streamMessage) {
	if other := w.sim.worker(e.to()); other == w || !w.sim.parallel {
		e.ref = other.messages.put(x)
		other.queue.push(e)
	} else {
		box := &w.outbox[w.sim.side][other.id]
		e.ref = uint32(len(box.messages))
		box.messages = append(box.messages, x)
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
