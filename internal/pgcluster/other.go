//go:build !unix

package pgcluster

import "errors"

// Cluster is nothing here: clusters are started on Unix systems alone.
type Cluster struct{}

// Options of a cluster.
type Options struct{ Settings map[string]string }

var errSystem = errors.New("throw-away PostgreSQL clusters need Linux or another Unix")

// New returns the error that there are no clusters on this system.
func New(Options) (*Cluster, error) { return nil, errSystem }

// Stop fails.
func (*Cluster) Stop() error { return errSystem }

// Kill fails.
func (*Cluster) Kill() error { return errSystem }

// Start fails.
func (*Cluster) Start() error { return errSystem }

// Close does nothing.
func (*Cluster) Close() error { return nil }

// Create fails.
func (*Cluster) Create(string) (string, error) { return "", errSystem }

// Drop fails.
func (*Cluster) Drop(string) error { return errSystem }

// Dir is none.
func (*Cluster) Dir() string { return "" }

// PID is none.
func (*Cluster) PID() int { return 0 }

// Program is none.
func (*Cluster) Program(string) string { return "" }

// Environment is none.
func (*Cluster) Environment(string) []string { return nil }

// Port is none.
func (*Cluster) Port() int { return 0 }

// URL is none.
func (*Cluster) URL(string) string { return "" }

// SocketURL is none.
func (*Cluster) SocketURL(string) string { return "" }
