package channeltest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/refundry/refundry/channel"
)

// ReceiverPeer is a driver that receives notices, with what its suite needs.
type ReceiverPeer struct {
	Driver interface {
		channel.Driver
		channel.Receiver
	}
	// Account is the account that notices come to; Rotated is the same account with
	// other secrets as its next version, and Account's credentials not among its
	// Previous.
	Account, Rotated channel.Account
	// Notice makes a request as the channel sends it to the account, anew each
	// time. Number is that of the refund that it tells of.
	Notice func(t *testing.T, a channel.Account) *http.Request
	Number string
	// Unsigned says that the channel sends no body and signs nothing: a notice is its
	// address, with a secret of the account's in it.
	Unsigned bool
}

// RunReceiver runs the suite of a driver's notices.
func RunReceiver(t *testing.T, p ReceiverPeer) {
	t.Helper()
	t.Run("a notice is read, and answered by what became of it", func(t *testing.T) {
		notices, reply := p.taken(t, p.Account, p.Notice(t, p.Account))
		if len(notices) == 0 || notices[0].Number != p.Number || notices[0].Text == "" {
			t.Errorf("notices %+v", notices)
		}
		if a := reply(nil); a.Status != 0 && a.Status/100 != 2 {
			t.Errorf("kept, it is answered %d", a.Status)
		}
		if a := reply(errors.New("no commit")); a.Status/100 == 2 || a.Status == 0 {
			t.Errorf("not kept, it is answered %d: the channel would not send it again", a.Status)
		}
	})
	t.Run("a notice with other secrets is none", func(t *testing.T) { p.refused(t, p.Rotated, p.Notice(t, p.Account)) })
	t.Run("the secrets before a rotation verify as long as they live", func(t *testing.T) {
		rotated := p.Rotated
		rotated.Previous = []channel.Credentials{{Version: p.Account.Version, Settings: p.Account.Settings, Secrets: p.Account.Secrets}}
		p.taken(t, rotated, p.Notice(t, p.Account))
		p.taken(t, rotated, p.Notice(t, p.Rotated))
	})
	t.Run("a notice that was changed is none", func(t *testing.T) {
		if p.Unsigned {
			p.changedAddress(t)
			return
		}
		body, err := io.ReadAll(p.Notice(t, p.Account).Body)
		if err != nil {
			t.Fatal(err)
		}
		// Each position is changed by itself; long bodies in steps.
		for at := 0; at < len(body); at += 1 + len(body)/100 {
			changed := bytes.Clone(body)
			changed[at] ^= 1
			r := p.Notice(t, p.Account)
			r.Body = io.NopCloser(bytes.NewReader(changed))
			p.refused(t, p.Account, r)
		}
	})
	t.Run("nonsense is none, and breaks nothing", func(t *testing.T) {
		if p.Unsigned {
			p.nonsenseAddress(t)
			return
		}
		for _, body := range []string{"", "{", "null", "[]", "{}", "\x00\xff", `{"a":` + string(bytes.Repeat([]byte("["), 10_000))} {
			r := p.Notice(t, p.Account)
			r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
			p.refused(t, p.Account, r)
			r = p.Notice(t, p.Account)
			r.Header = http.Header{}
			r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
			p.refused(t, p.Account, r)
		}
	})
	t.Run("it refuses in the channel's form", func(t *testing.T) {
		if a := p.Driver.Refuse(http.StatusNotFound); a.Status != http.StatusNotFound {
			t.Errorf("refused with %d", a.Status)
		}
	})
}

// changedAddress changes what a notice without a signature still holds: its method,
// a body that it does not have, and each parameter by itself, which leaves out what
// it says or contradicts the others.
func (p ReceiverPeer) changedAddress(t *testing.T) {
	r := p.Notice(t, p.Account)
	r.Method = http.MethodPost
	p.refused(t, p.Account, r)
	r = p.Notice(t, p.Account)
	r.Body = io.NopCloser(bytes.NewReader([]byte("{}")))
	p.refused(t, p.Account, r)
	for name, values := range p.Notice(t, p.Account).URL.Query() {
		r = p.Notice(t, p.Account)
		query := r.URL.Query()
		query.Set(name, values[0]+"0x")
		r.URL.RawQuery = query.Encode()
		p.refused(t, p.Account, r)
	}
}

func (p ReceiverPeer) nonsenseAddress(t *testing.T) {
	for _, query := range []string{"", "%", "&&&", "=", "a=b", "_=%00", "\xff"} {
		r := p.Notice(t, p.Account)
		r.URL.RawQuery = query
		p.refused(t, p.Account, r)
	}
}

func (p ReceiverPeer) taken(t *testing.T, a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply) {
	t.Helper()
	notices, reply, err := p.Driver.Receive(a, r)
	if err != nil || reply == nil {
		t.Fatalf("%v, with an answer: %v", err, reply != nil)
	}
	return notices, reply
}

func (p ReceiverPeer) refused(t *testing.T, a channel.Account, r *http.Request) {
	t.Helper()
	notices, reply, err := p.Driver.Receive(a, r)
	if err == nil {
		t.Fatalf("it was taken: %+v", notices)
	}
	if reply == nil {
		return // Refuse answers
	}
	if answer := reply(err); answer.Status/100 == 2 || answer.Status == 0 {
		t.Errorf("refused, it is answered %d", answer.Status)
	}
}
