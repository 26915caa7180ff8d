package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// firstNoticeTry is how soon a notice that matched nothing is tried again;
	// then with a doubling wait of at most maxNoticeWait.
	firstNoticeTry = time.Minute
	maxNoticeWait  = time.Hour
	// maxNoticeTries is after how many tries a notice is set aside: most of a day.
	maxNoticeTries = 24
	// maxInbox bounds the notices of one look.
	maxInbox = 64
	// maxNoticeText bounds what is kept of a notice for people, in bytes.
	maxNoticeText = 4096
	// inboxInterval is how often the inbox is looked at. What it holds has waited
	// for something that nobody announces.
	inboxInterval = 10 * time.Second
)

// unmatched places a notice that names no refund of ours.
func (e *Engine) unmatched(ctx context.Context, n channel.Notified, charge refund.Charge) error {
	where, note := refund.Place(n.Noticed, charge)
	kept := refund.KeptNotice{Note: note, ChargeKnown: charge.ID != ""}
	switch where {
	case refund.PlaceAdopt:
		kept.Note = e.take(ctx, n.Noticed, charge)
		if kept.Note == "" {
			return nil
		}
	case refund.PlaceAside:
		kept.State = refund.NoticeSetAside
	}
	return e.keep(ctx, n, kept)
}

// adopt records the refund that a notice tells of and that the channel made
// without us, because of cause, the zero Cause where the channel told us. Told
// twice, it is adopted once.
func (e *Engine) adopt(ctx context.Context, n refund.Noticed, charge refund.Charge, cause refund.Cause) (r refund.Refund, adopted bool, err error) {
	now := e.now()
	key := refund.ChargeKey{MerchantID: charge.MerchantID, ID: charge.ID}
	foreign := n.Foreign("re_" + refund.NewID(now))
	foreign.Cause = cause
	change, adopted, err := e.store.Adopt(ctx, key, foreign, now)
	if err != nil {
		return refund.Refund{}, false, err
	}
	r = change.Refunds[len(change.Refunds)-1]
	if !adopted {
		return r, false, nil
	}
	e.changed(change)
	return r, true, nil
}

// changed tells of a change that is committed with its alerts, where it changed
// anything.
func (e *Engine) changed(change refund.Change) {
	if len(change.Refunds) == 0 && change.Dispute == nil && len(change.Alerts) == 0 {
		return
	}
	posted := make([]refund.Posted, len(change.Refunds))
	for i, changed := range change.Refunds {
		posted[i] = refund.Posted{Refund: changed, Charge: change.Charge}
	}
	e.board.Post(posted)
	for _, alert := range change.Alerts {
		e.tellAlert(change.Charge.MerchantID, alert)
	}
	if e.opts.Recorded != nil {
		e.opts.Recorded()
	}
}

// keep puts a notice into the inbox. as says how it stands: waiting, where it does
// not say.
func (e *Engine) keep(ctx context.Context, n channel.Notified, as refund.KeptNotice) error {
	now := e.now()
	as.Account, as.ReceivedAt, as.Noticed, as.Text = n.Account, now, n.Noticed, clean(n.Text, maxNoticeText)
	as.Digest, as.Times = noticeDigest(n.Noticed), 1
	if opened, err := e.connector(ctx, n.Account); err == nil {
		as.Channel = opened.Account.Channel
	}
	if as.State == "" {
		as.State, as.DueAt = refund.NoticeWaiting, now.Add(firstNoticeTry)
	}
	if err := e.store.KeepNotice(ctx, as); err != nil {
		return err
	}
	if as.State == refund.NoticeSetAside {
		e.tellAside(as)
	}
	return nil
}

// tellAside tells an operator of a notice that only a person can place. The text
// names no notice, so that many of one account are one alert.
func (e *Engine) tellAside(n refund.KeptNotice) {
	e.alert("", refund.Alert{
		Account: n.Account,
		Text:    "a notice of channel account " + n.Account + " was set aside: " + n.Note + " (hint: refundry notice list --state set_aside; look the refund up at the channel)",
	})
}

// noticeDigest tells notices of an account apart by what they say: a channel that
// sends one again may sign or encrypt it anew, and who had it looked for does not
// count.
func noticeDigest(n refund.Noticed) string {
	n.Outcome.Cause = refund.Cause{}
	text, err := json.Marshal(n)
	if err != nil {
		panic("engine: a notice is no JSON: " + err.Error()) // texts, numbers and times always are
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// StepInbox tries notices again whose time has come, or whose charge has, and
// returns how many it placed.
func (e *Engine) StepInbox(ctx context.Context) (int, error) {
	all := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(all, commitTimeout)
	defer cancel()
	due, err := e.store.DueNotices(ctx, e.now(), maxInbox)
	if err != nil {
		return 0, wrap(err, "look into the inbox")
	}
	placed, questions := 0, maxInboxQuestions
	var problems []error
	for _, n := range due {
		after, err := e.tryDue(all, n, &questions)
		switch {
		case errors.Is(err, errNotAsked): // in the next look
		case err != nil:
			problems = append(problems, fmt.Errorf("try notice %s: %w", n.ID, err))
		case after.State == refund.NoticeMatched, after.State == refund.NoticeAdopted:
			placed++
		case after.State == refund.NoticeSetAside && n.State != after.State:
			e.tellAside(after)
		}
	}
	ctx, end := context.WithTimeout(all, commitTimeout)
	defer end()
	_, err = e.store.ForgetNotices(ctx, e.now())
	return placed, errors.Join(append(problems, err)...)
}

// tryDue is tryAgain of a notice whose time has come, and saves it.
func (e *Engine) tryDue(ctx context.Context, n refund.KeptNotice, questions *int) (refund.KeptNotice, error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	after, err := e.tryAgain(ctx, n, refund.Cause{}, questions)
	if err == nil {
		err = e.store.SaveNotice(ctx, after, nil)
	}
	return after, err
}

// RetryNotice tries a notice of the inbox again because somebody wants it, and
// returns it as it is then. KindNotFound; KindStateConflict for one that has found
// its refund, and for one of which nothing was kept.
func (e *Engine) RetryNotice(ctx context.Context, merchantID, id string, action refund.Action) (refund.KeptNotice, error) {
	if err := action.Check(); err != nil {
		return refund.KeptNotice{}, refund.Wrap(err, "retry notice")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	n, err := e.store.Notice(ctx, merchantID, id)
	switch {
	case err != nil:
		return refund.KeptNotice{}, err
	case n.State == refund.NoticeRefused:
		return refund.KeptNotice{}, refund.Errorf(refund.KindStateConflict, "notice", "the request was not taken as a notice, and its contents were not kept: %s", n.Note)
	case n.State == refund.NoticeMatched && n.RefundID == "":
		return refund.KeptNotice{}, refund.Errorf(refund.KindStateConflict, "notice", "the notice is %s: the dispute is recorded", n.State)
	case n.State != refund.NoticeWaiting && n.State != refund.NoticeSetAside:
		return refund.KeptNotice{}, refund.Errorf(refund.KindStateConflict, "notice", "the notice is %s: it is about refund %s", n.State, n.RefundID)
	}
	// What it moves is committed before the notice is saved, and has a name by then.
	begin := action
	begin.Action += ".begin"
	begin.Write = nil
	if err := e.store.AddRecord(ctx, begin); err != nil {
		return refund.KeptNotice{}, refund.Wrap(err, "retry notice")
	}
	questions := 1
	after, err := e.tryAgain(ctx, n, refund.Cause{Actor: action.Actor, RequestID: action.RequestID}, &questions)
	if err == nil {
		action = action.With("state", string(after.State))
		err = e.store.SaveNotice(ctx, after, &action)
	}
	if err != nil {
		return refund.KeptNotice{}, refund.Wrap(err, "retry notice")
	}
	return after, nil
}

// tryAgain is a notice of the inbox after another try, because of cause. questions is
// how many a channel may be asked. An error says that nothing could be looked up;
// errNotAsked, that it takes a question more.
func (e *Engine) tryAgain(ctx context.Context, n refund.KeptNotice, cause refund.Cause, questions *int) (refund.KeptNotice, error) {
	match, err := e.store.NoticeMatch(ctx, n.Account, n.Noticed)
	if err != nil && refund.KindOf(err) != refund.KindCorrupt {
		return n, err
	}
	n.ChargeKnown = n.ChargeKnown || match.Charge.ID != ""
	says := n.Noticed
	says.Hint = says.Hint && says.Outcome.Kind != refund.OutcomeDone // of a success: as if it were sure
	where, note := refund.Place(says, match.Charge)
	if err == nil && where == refund.PlaceAdopt && n.Noticed.Hint && match.Refund.ID == "" {
		if *questions--; *questions < 0 {
			return n, errNotAsked
		}
		if says, note = e.confirmHint(ctx, n.Account, says, match.Charge); note != "" {
			where = refund.PlaceWait
		}
	}
	switch {
	case err != nil:
		note = unplaced(err)
	case match.Refund.ID != "" && n.Noticed.Dispute == nil:
		w := e.noticed(ctx, channel.Notified{Account: n.Account, Noticed: n.Noticed}, match.Refund)
		w.Outcome.Cause = cause
		if err = e.recordEach(ctx, []*word{w})[0]; err == nil {
			n.State, n.Note, n.RefundID, n.DueAt = refund.NoticeMatched, "", match.Refund.ID, time.Time{}
			return n, nil
		}
		note = "could not be recorded: " + clean(err.Error(), maxMessage)
	case where == refund.PlaceAdopt && n.Noticed.Dispute != nil:
		if note = e.take(ctx, n.Noticed, match.Charge); note == "" {
			n.State, n.Note, n.DueAt = refund.NoticeMatched, "", time.Time{}
			return n, nil
		}
	case where == refund.PlaceAdopt:
		var r refund.Refund
		if r, _, err = e.adopt(ctx, says, match.Charge, cause); err == nil {
			n.State, n.Note, n.DueAt, n.RefundID = refund.NoticeAdopted, "", time.Time{}, r.ID
			return n, nil
		}
		note = "could not be adopted: " + clean(err.Error(), maxMessage)
	case where == refund.PlaceAside:
		n.Tries = maxNoticeTries
	}
	n.Note = note
	n.Tries++
	if n.Tries >= maxNoticeTries {
		n.State, n.DueAt = refund.NoticeSetAside, time.Time{}
		return n, nil
	}
	n.DueAt = e.now().Add(refund.Pace{First: firstNoticeTry, Longest: maxNoticeWait}.Backoff(n.Tries))
	return n, nil
}
