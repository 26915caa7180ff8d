package channelsim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// noticeTimeout is how long a merchant may take to answer a notice.
	noticeTimeout = 5 * time.Second
	// maxSending bounds the notices under way at once.
	maxSending = 16
	// maxNoticeAnswer bounds what is read of the answer to a notice, in bytes.
	maxNoticeAnswer = 64 << 10
)

// notice is a change that the merchant is told of until he has taken it.
type notice struct {
	books   *Books
	content Notice
	shown   Refund
	attempt int
	done    bool
}

// attempt is a rendered notice on its way.
type attempt struct {
	notice *notice
	out    Outgoing
	half   bool
	// spoiled says that its answer does not count, whatever it is: it was lost, or the
	// notice was not as it should be, and a right one follows.
	spoiled bool
	again   bool // the copy of a notice that comes twice: its answer counts for nothing
}

// notify puts the notice of a refund's change into the outbox. The lock is held, here
// and below, except in send.
func (s *Simulator) notify(b *Books, r *Refund) { s.tell(b, b.paymentOf[r.TransactionID], r, "") }

// tell is notify, of a change that may be another than the refund's state.
func (s *Simulator) tell(b *Books, p *Payment, r *Refund, event string) {
	s.notices++
	n := &notice{books: b, shown: r.copy(), content: Notice{Books: b, ID: fmt.Sprintf("EV-%s-%d", b.side.Name(), s.notices), Event: event, Payment: *p}}
	n.content.Refund = n.shown
	n.content.URL = s.notifyURL[b.side.Name()]
	if _, ok := b.side.Notice(n.content); !ok {
		return
	}
	s.later(0, func() { s.try(n, false) })
}

// try renders a notice and puts it on its way, or does what a fault says.
func (s *Simulator) try(n *notice, plain bool) {
	if n.done {
		return
	}
	side := n.books.side
	var phase Phase
	var fault Fault
	if !plain {
		phase, fault = s.faults.draw(side, StepNotice, n.shown.Number)
	}
	if fault == WrongAmount && n.shown.Foreign {
		fault = "" // nobody but the channel knows its amount: a signed lie would be the truth
	}
	if fault != "" {
		s.faults.hit(side, phase, fault)
	}
	n.content.Refund, n.content.Wrong, n.content.At = n.shown, false, s.opts.Now()
	n.content.URL = s.notifyURL[side.Name()]
	switch fault {
	case DropBefore:
		s.retry(n)
		return
	case Delay:
		s.later(lateBy, func() { s.try(n, true) })
		return
	case Reorder:
		s.behind[side.Name()] = append(s.behind[side.Name()], n)
		s.later(lateBy, func() { s.overtake(side.Name()) })
		return
	case WrongSignature:
		n.content.Wrong = true
	case WrongAmount:
		n.content.Refund.Amount = wrong(n.content.Refund.Amount)
	case CertificateSwitch:
		side.Switch()
	}
	out, ok := side.Notice(n.content)
	if !ok {
		return
	}
	s.outgoing = append(s.outgoing, attempt{
		notice: n, out: out, half: fault == HalfAnswer, spoiled: slices.Contains([]Fault{DropAfter, HalfAnswer, WrongSignature, WrongAmount}, fault),
	})
	if fault == Duplicate {
		s.outgoing = append(s.outgoing, attempt{notice: n, out: out, again: true})
	}
	s.overtake(side.Name())
	s.ring()
}

// overtake sends what was held back until another notice went first.
func (s *Simulator) overtake(channel string) {
	held := s.behind[channel]
	s.behind[channel] = nil
	for _, n := range held {
		s.try(n, true)
	}
}

// retry tries a notice again after the channel's next pause, and gives up after the last.
func (s *Simulator) retry(n *notice) {
	delays := n.books.side.NoticeDelays()
	if n.attempt >= len(delays) {
		s.log.Warn("a notice was not taken and is given up", "channel", n.books.side.Name(), "number", n.shown.Number)
		return
	}
	n.attempt++
	s.later(delays[n.attempt-1], func() { s.try(n, false) })
}

// answered counts the answer to an attempt.
func (s *Simulator) answered(a attempt, status int, body []byte) {
	if a.again || a.notice.done {
		return
	}
	if !a.spoiled && a.notice.books.side.Accepted(status, body) {
		a.notice.done = true
		return
	}
	s.retry(a.notice)
}

// send sends attempts and returns once all are answered.
func (s *Simulator) send(ctx context.Context, attempts []attempt) {
	var sending sync.WaitGroup
	room := make(chan struct{}, maxSending)
	for _, one := range attempts {
		room <- struct{}{}
		sending.Go(func() {
			defer func() { <-room }()
			status, body := s.post(ctx, one)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.answered(one, status, body)
		})
	}
	sending.Wait()
}

// post sends one attempt; the status is 0 where there was no answer.
func (s *Simulator) post(ctx context.Context, a attempt) (int, []byte) {
	ctx, cancel := context.WithTimeout(ctx, noticeTimeout)
	defer cancel()
	body := a.out.Body
	if a.half {
		body = body[:len(body)/2]
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.out.URL, bytes.NewReader(body))
	if err != nil {
		s.log.Warn("a notice has no usable address", "error", err)
		return 0, nil
	}
	r.Header = a.out.Header.Clone()
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxNoticeAnswer))
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, text
}
