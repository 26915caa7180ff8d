// Package server is the HTTP side of the program: it listens, bounds how long
// anything may take, logs and counts requests, and stops gracefully. It mounts
// a handler and knows nothing of refunds.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/refundry/refundry/telemetry"
)

const (
	// ReadTimeout is when a request that is not complete is ended: slow
	// clients must not hold connections (docs/operations/size.md).
	ReadTimeout = 10 * time.Second
	// WriteTimeout bounds a whole request from its header on. It covers the
	// longest wait for the channel's word (20 s) after a commit that had to be
	// looked up (30 s and 10 s), and the writing of an answer to a slow reader.
	WriteTimeout = 90 * time.Second
	// IdleTimeout is how long a connection may wait for its next request; it
	// is longer than the pauses of most callers, and idle ones cost little.
	IdleTimeout = 2 * time.Minute
	// MaxHeaderBytes bounds a request's line and headers. The longest that a
	// dialect has is a signature of 1.5 KiB.
	MaxHeaderBytes = 32 << 10
	// StopTimeout is how long a stop waits for requests that are under way:
	// longer than their longest wait, shorter than the 30 s after which most
	// supervisors kill.
	StopTimeout = 25 * time.Second
)

// Options of a server. Zero values have the defaults above.
type Options struct {
	// Address is where to listen, "host:port"; port 0 takes a free one.
	Address string
	// Listener is listened on instead of Address, and closed at the end.
	Listener net.Listener
	// Certificate switches TLS on; nil serves plain HTTP.
	Certificate *Certificate
	// TrustedProxies are networks whose Forwarded headers count.
	TrustedProxies []netip.Prefix

	ReadTimeout, StopTimeout time.Duration

	// NewID makes the id of a request whose handler gave it none.
	NewID func() string
	// Observe is called with every answered request; may be nil. route is the
	// mux's pattern, "" where none matched.
	Observe func(route, method string, status int, took time.Duration)
	// Tracer makes a span of each request; nil makes none.
	Tracer *telemetry.Tracer
	// Ready is called with the base address, such as http://127.0.0.1:8080, as soon
	// as connections are taken; may be nil.
	Ready func(url string)
	Log   *slog.Logger // default slog.Default()
}

// Listen takes the address, so that a port that is taken is found before
// anything else is done. Connections wait until Run serves them.
func Listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w (hint: --listen takes HOST:PORT; is another program using it?)", err)
	}
	return listener, nil
}

// Run serves until ctx ends, then takes no more connections and waits for the
// requests under way, at most StopTimeout; what is still not answered then is
// cut off and logged. Errors: the address can't be listened on, or the
// listener broke.
func Run(ctx context.Context, handler http.Handler, opts Options) error {
	opts = opts.filled()
	secured, listener := opts.Certificate.config(), opts.Listener
	if listener == nil {
		var err error
		if listener, err = Listen(opts.Address); err != nil {
			return err
		}
	}
	defer func() { _ = listener.Close() }()

	// HTTP/1.1 alone: clients sign the request line as they sent it, and the
	// limits of reading hold for a connection with one request at a time.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s := &http.Server{
		Handler:           behindProxy(middleware(handler, opts), opts.TrustedProxies),
		ReadHeaderTimeout: opts.ReadTimeout,
		ReadTimeout:       opts.ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		Protocols:         &protocols,
		TLSConfig:         secured,
		ErrorLog:          slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if secured != nil {
			ended <- s.ServeTLS(listener, "", "")
			return
		}
		ended <- s.Serve(listener)
	}()
	if opts.Ready != nil {
		opts.Ready(opts.url(listener.Addr()))
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return stop(s, ended, opts)
}

// stop ends a server gracefully, and after StopTimeout in any case.
func stop(s *http.Server, ended <-chan error, opts Options) error {
	wait, cancel := context.WithTimeout(context.Background(), opts.StopTimeout)
	defer cancel()
	err := s.Shutdown(wait)
	if errors.Is(err, context.DeadlineExceeded) {
		opts.Log.Warn("cutting off requests that did not end", "after", opts.StopTimeout)
		err = s.Close() // which ends their contexts
	}
	if serving := <-ended; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	if err != nil {
		return fmt.Errorf("stop serving: %w", err)
	}
	return nil
}

func (o Options) filled() Options {
	if o.ReadTimeout == 0 {
		o.ReadTimeout = ReadTimeout
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = StopTimeout
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// url is how the address is reached: with a host that was left out, or one
// that means all of them, this machine's own.
func (o Options) url(address net.Addr) string {
	scheme := "http://"
	if o.Certificate != nil {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return scheme + address.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}
