package netsim

// preloader is implemented by machines whose state is large. Preload reads what most inputs need of
// it, and changes nothing. What it returns only depends on what it read.
type preloader interface{ Preload() uint64 }

// preload reads the state of the hosts that the next events are about. In a large simulation it
// has left the processor's cache since their last event. One host after the other, a call would
// wait for memory a dozen times; here reads don't depend on each other, so that many are under way
// at once.
func (w *worker) preload() {
	w.queue.fresh = false
	for i := range w.queue.near[:min(len(w.queue.near), preloadMax)] {
		e := &w.queue.near[i]
		h := &w.sim.hosts[e.to()]
		if e.kind == kindTimer && h.due > e.at {
			continue // it isn't due by then
		}
		if m, ok := h.machine.(preloader); ok {
			w.loaded += m.Preload() // kept, so that the reads aren't optimised away
		}
	}
}

// preloadMax bounds the events whose hosts are preloaded at once: about what the second cache of a
// processor holds, with 2 KB each.
const preloadMax = 256
