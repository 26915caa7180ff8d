package channelsim

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request's body: no refund request of these channels is larger.
const maxBody = 1 << 20

// ServeHTTP answers the channels' callers, and the control calls below /sim/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch name {
	case "sim":
		s.control(w, r)
		return
	case "readyz": // for scripts that start it and wait
		write(w, http.StatusOK, struct{}{})
		return
	}
	prefix := "/" + name
	side := s.sides[name]
	if side == nil {
		side, prefix = s.atRoot(r.URL.Path), ""
	}
	if side == nil {
		problem(w, http.StatusNotFound, errors.New("no channel has this path (hint: /wechatpay/..., /alipay/..., /chinaums/..., /stripe/... or /sim/...)"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c := &Call{
		Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, prefix), Target: strings.TrimPrefix(r.RequestURI, prefix),
		Query: r.URL.Query(), Header: r.Header, Body: body, At: s.opts.Now(), Books: s.books[side.Name()], sim: s,
	}
	answer, wrong := s.answer(side, c)
	if answer.Abort {
		abort(w)
	}
	side.Sign(c, &answer, wrong)
	c.write(w, answer)
}

// atRoot finds the side that is called at a path without its name before it, nil for
// none.
func (s *Simulator) atRoot(path string) Side {
	for _, name := range s.names() {
		if rooted, ok := s.sides[name].(Rooted); ok && rooted.AtRoot(path) {
			return s.sides[name]
		}
	}
	return nil
}

// answer has a side answer a call, and does to the answer what a fault says, as far as
// that is not done when it is written. wrong asks for a signature that does not hold.
func (s *Simulator) answer(side Side, c *Call) (a Answer, wrong bool) {
	if refused := side.Authenticate(c); refused != nil {
		return *refused, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due()
	waiting := s.overtaken[side.Name()]
	a = side.Serve(c)
	if c.step == StepSubmit {
		defer s.arrive(side.Name(), len(waiting))
	}
	// A refused submit moved nothing: there is nothing after the move to spoil.
	if a.Abort || c.fault == "" || c.step == StepSubmit && !c.shown {
		c.fault = ""
		return a, false
	}
	switch c.fault {
	case DropAfter:
		a.Abort = true
	case Throttle:
		a = side.Throttled(c)
	case Duplicate:
		again := *c
		again.quiet, again.fault, again.shown = true, "", false
		a = side.Serve(&again)
	case WrongSignature:
		wrong = true
	case CertificateSwitch:
		side.Switch()
	case Delay, HalfAnswer: // when it is written
	default: // found nothing to spoil
		c.fault = ""
		return a, false
	}
	c.hit()
	return a, wrong
}

// write sends an answer: late, or half of it, where the call's fault says so.
func (c *Call) write(w http.ResponseWriter, a Answer) {
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	switch c.fault {
	case Delay:
		time.Sleep(c.sim.opts.Hold)
	case HalfAnswer:
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.Body[:len(a.Body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// abort ends the connection. A byte is sent before: clients repeat by themselves what
// got no answer at all on a connection that they had used before, and the fault would
// be theirs alone to see.
func abort(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_, _ = connection.Write([]byte("H"))
		_ = connection.Close()
	}
	panic(http.ErrAbortHandler)
}
