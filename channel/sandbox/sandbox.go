// Package sandbox is the channel of test mode: it moves no money, and can
// misbehave on command.
package sandbox
