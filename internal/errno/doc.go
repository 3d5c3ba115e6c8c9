// Package errno has the error numbers of sockets, which each system numbers in its own way.
package errno
