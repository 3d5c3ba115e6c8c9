// Package recording is the agent's flight recorder: it writes each input of a node, and sums of its
// effects, so that package replay can run the same node again.
//
// A recording is a directory; it has segments, which are files; each has frames of entries. A
// segment begins with a checkpoint of the node, so that it can be replayed without those before it.
package recording
