// Package hooks lets compat/serf use what compat/memberlist knows of its own types, and that the
// API which it stands for has no name for. Each is set when that package is initialised.
package hooks

import "serf/swim"

var (
	// Timing is that of a *memberlist.Config.
	Timing func(config any) swim.Timing
	// FillKeyring puts SecretKey of a *memberlist.Config into its Keyring, as the primary key.
	FillKeyring func(config any) error
	// FollowKeyring has changed called after each change of a *memberlist.Keyring, until stop is
	// called.
	FollowKeyring func(keyring any, changed func()) (stop func())
)
