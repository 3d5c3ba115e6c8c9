// Package memberlist has the API of github.com/hashicorp/memberlist 0.7: a program moves by an
// import line.
package memberlist
