package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// maxNoticeBody bounds a channel's request: the largest known are some
	// kilobytes.
	maxNoticeBody = 1 << 20
	// noticeTimeout bounds what is done for one request: channels wait for 5 to 10
	// seconds and then send again.
	noticeTimeout = 10 * time.Second
	// refusalInterval is how often a refused request is written down. What comes in
	// between is counted, so that a flood of them costs the database nothing.
	refusalInterval = time.Second
	// maxNamePart bounds what is kept of each part of an address, maxReason of why
	// it was refused, in bytes.
	maxNamePart = 64
	maxReason   = 256
)

// The reasons for which a request is not taken as a notice.
const (
	noSuchChannel = "no channel of that name sends notices here"
	noSuchAccount = "there is no such channel account"
	otherChannel  = "the account is another channel's"
	closedAccount = "the account is closed"
	notTheirs     = "not the channel's, or not readable: "
)

// notify takes what a channel sends to an account's address. What it says is
// committed before it is answered.
func (s *Service) notify(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), noticeTimeout)
	defer cancel()
	name, id := r.PathValue("channel"), r.PathValue("account")
	driver, _ := s.connectors.Driver(name)
	receiver, can := driver.(channel.Receiver)
	if !can {
		s.refusals.note(ctx, s, r, "", noSuchChannel)
		plain(w, http.StatusNotFound, "not found\n")
		return
	}
	account, state, err := s.connectors.Account(ctx, id)
	reason := ""
	switch {
	case err == nil && account.Channel != name:
		reason = otherChannel
	case err == nil && state == merchant.AccountClosed:
		reason = closedAccount
	case refund.As(err) != nil && refund.KindOf(err) == refund.KindNotFound:
		reason = noSuchAccount
	case err != nil:
		s.opts.Log.Warn("a notice's channel account could not be read; the channel sends it again", "account_id", id, "error", err)
		answer(w, refuse(receiver, http.StatusServiceUnavailable))
		return
	}
	if reason != "" {
		s.refusals.note(ctx, s, r, id, reason)
		answer(w, refuse(receiver, http.StatusNotFound))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxNoticeBody)
	answer(w, s.receive(ctx, receiver, account, r))
}

// receive has a driver read a request, and the engine commit what it says.
func (s *Service) receive(ctx context.Context, receiver channel.Receiver, account channel.Account, r *http.Request) channel.Answer {
	notices, reply, err := s.read(receiver, account, r)
	if err != nil {
		s.refusals.note(ctx, s, r, account.ID, notTheirs+detail(err))
	} else if err = s.engine.Notify(ctx, account.ID, notices); err != nil {
		s.opts.Log.Warn("notices could not be kept; the channel sends them again", "account_id", account.ID, "error", err)
	}
	if reply == nil {
		if err != nil {
			return refuse(receiver, http.StatusBadRequest)
		}
		return channel.Answer{}
	}
	return safely(func() channel.Answer { return reply(err) })
}

// read is the driver's Receive. What a panic holds may be a secret: it is not told.
func (s *Service) read(receiver channel.Receiver, account channel.Account, r *http.Request) (notices []channel.Notified, reply channel.Reply, err error) {
	defer func() {
		if recover() != nil {
			s.opts.Log.Error("a driver panicked while it read a notice", "account_id", account.ID, "stack", string(debug.Stack()))
			notices, reply, err = nil, nil, errors.New("the driver broke off while it read the request")
		}
	}()
	return receiver.Receive(account, r)
}

// detail is what an error may say in the inbox.
func detail(err error) string {
	if fault := refund.As(err); fault != nil {
		return fault.Detail
	}
	return err.Error()
}

func refuse(receiver channel.Receiver, status int) channel.Answer {
	return safely(func() channel.Answer {
		a := receiver.Refuse(status)
		if a.Status == 0 {
			a.Status = status
		}
		return a
	})
}

// safely makes an answer; where the driver breaks off, the channel sends again.
func safely(made func() channel.Answer) (a channel.Answer) {
	defer func() {
		if recover() != nil {
			a = channel.Answer{Status: http.StatusInternalServerError}
		}
	}()
	return made()
}

func answer(w http.ResponseWriter, a channel.Answer) {
	if a.ContentType != "" {
		w.Header().Set("Content-Type", a.ContentType)
	}
	w.Header().Set("Cache-Control", "no-store")
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// refusals write down requests that were not taken as notices, a bounded number
// of them.
type refusals struct {
	mu      sync.Mutex
	last    time.Time
	skipped int64
}

// note writes a refused request down, without anything that could be a secret, or
// counts it for the next.
func (f *refusals) note(ctx context.Context, s *Service, r *http.Request, account, reason string) {
	now := s.now()
	f.mu.Lock()
	f.skipped++
	times := f.skipped
	if now.Sub(f.last) < refusalInterval && !f.last.After(now) {
		f.mu.Unlock()
		return
	}
	f.last, f.skipped = now, 0
	f.mu.Unlock()
	name := bounded(r.PathValue("channel"), maxNamePart)
	err := s.Store.RefuseNotice(ctx, refund.KeptNotice{
		Account: bounded(account, maxNamePart), Channel: name, ReceivedAt: now, Times: times, Note: bounded(reason, maxReason),
		Text: fmt.Sprintf("%s /notify/%s/%s", bounded(r.Method, maxNamePart), name, bounded(r.PathValue("account"), maxNamePart)),
	})
	if err != nil {
		s.opts.Log.Warn("a refused notice was not written down", "error", err)
	}
}

// bounded is a text that the database can keep.
func bounded(text string, most int) string {
	text = strings.ReplaceAll(text, "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
