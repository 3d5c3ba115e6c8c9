package driver

// What tests of other packages need, because package memnet imports this one.
const (
	TurnInputs           = turnInputs
	PacketQueue          = packetQueue
	ReadBackoff          = readBackoff
	StreamBudget         = streamBudget
	StreamTimeoutDefault = streamTimeoutDefault
	AcceptMax            = acceptMax
	DialMax              = dialMax
	DialQueue            = dialQueue
)

var ErrBusy = errBusy

// BudgetLeft is what streams may still draw on.
func (d *Driver) BudgetLeft() int64 { return d.transport.budget.Load() }

// Dialling is how many streams are dialled, and wait for it. Within Read only.
func (d *Driver) Dialling() (now, waiting int) { return d.loop.dialing, len(d.loop.waiting) }
