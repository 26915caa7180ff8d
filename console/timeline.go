package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// timelineRow is one thing that happened to a refund.
type timelineRow struct {
	At time.Time
	// What is the kind of it, and Class its colour.
	What, Class string
	Text        string
	// Who did it, "" for the service and the channel.
	Who   string
	Facts []fact
}

// fact is a detail: a name and what it is, or with Wide a text of its own.
type fact struct {
	Name, Value string
	Wide        bool
}

// timeline is what happened to a refund, oldest first, from its request on.
func (p *page) timeline(t admin.Trace) []timelineRow {
	rows := []timelineRow{p.asked(t)}
	for _, e := range t.Entries {
		row := p.entryRow(t, e)
		row.At = e.At
		rows = append(rows, row)
	}
	return rows
}

// asked is the request, which was answered when it was on disk.
func (p *page) asked(t admin.Trace) timelineRow {
	r := t.Refund
	row := timelineRow{
		At: r.CreatedAt, What: p.text("timeline.request"), Class: "info",
		Text: p.text("timeline.accepted", moneyText(r.Amount, r.Currency), r.ChargeID), Who: r.By.Key,
	}
	row.Facts = p.facts(
		"timeline.dialect", r.By.Dialect, "timeline.identity", r.By.Identity, "timeline.address", r.By.Address, "timeline.request_id", r.By.RequestID,
		"timeline.number", r.Number, "timeline.reason", r.Reason,
	)
	return row
}

// facts are pairs of a text's key and a value; those without a value are left out.
func (p *page) facts(pairs ...string) []fact {
	var out []fact
	for n := 0; n+1 < len(pairs); n += 2 {
		if pairs[n+1] != "" {
			out = append(out, fact{Name: p.text(pairs[n]), Value: pairs[n+1]})
		}
	}
	return out
}

func (p *page) entryRow(t admin.Trace, e admin.TraceEntry) timelineRow {
	switch {
	case e.Attempt != nil:
		return p.attemptRow(t.Refund, *e.Attempt)
	case e.Transfer != nil:
		x := e.Transfer
		return timelineRow{
			What: p.text("timeline.transfer"),
			Text: p.text("timeline.moved", moneyText(x.Amount.Minor, x.Amount.Currency), string(x.From), string(x.To)), Facts: p.facts("timeline.kind", string(x.Kind)),
		}
	case e.Event != nil && e.Event.Unreadable:
		return timelineRow{
			What: p.text("timeline.event"), Class: "bad", Text: e.Event.Type + ". " + p.text("queue.unreadable"),
			Who: who(e.Event.Actor), Facts: p.facts("timeline.event_id", e.Event.ID),
		}
	case e.Event != nil:
		return timelineRow{
			What: p.text("timeline.event"), Class: "info", Text: p.text("timeline.became", p.text("state."+string(e.Event.Refund.State))),
			Who: who(e.Event.Actor), Facts: p.facts("timeline.event_id", e.Event.ID),
		}
	case e.Delivery != nil:
		return p.deliveryRow(e)
	case e.Notice != nil:
		return timelineRow{
			What: p.text("timeline.notice"), Text: strings.TrimSpace(e.Notice.Text + " " + e.Notice.Note), Facts: p.facts("timeline.state", string(e.Notice.State)),
		}
	case e.Alert != nil:
		return timelineRow{
			What: p.text("timeline.alert"), Class: "warn", Text: e.Alert.Text,
			Facts: p.facts("timeline.times", fmt.Sprint(e.Alert.Times), "timeline.looked_at_by", who(e.Alert.AckedBy)),
		}
	}
	return p.actionRow(*e.Action)
}

func (p *page) actionRow(a audit.Record) timelineRow {
	row := timelineRow{What: p.text("timeline.action"), Class: "info", Text: a.Action, Who: who(a.Actor), Facts: p.facts("timeline.request_id", a.RequestID)}
	for _, name := range slices.Sorted(maps.Keys(a.Detail)) {
		row.Facts = append(row.Facts, fact{Name: name, Value: a.Detail[name]})
	}
	return row
}

// who is an actor's name, "" for nobody.
func who(a audit.Actor) string {
	if a == (audit.Actor{}) {
		return ""
	}
	return a.String()
}

// attemptClass are the colours of outcomes.
var attemptClass = map[refund.OutcomeKind]string{
	refund.OutcomeDone: "good", refund.OutcomeRefused: "bad", refund.OutcomeFailed: "bad", refund.OutcomeAbnormal: "warn",
	refund.OutcomeUnknown: "warn", refund.OutcomeShortOfFunds: "warn",
}

func (p *page) attemptRow(r refund.Refund, a refund.Attempt) timelineRow {
	row := timelineRow{
		What: p.text("source." + string(a.Source)), Class: attemptClass[a.Outcome], Who: who(a.Actor),
		Text: strings.TrimSpace(p.text("outcome."+string(a.Outcome)) + " " + strings.TrimSpace(a.Code+" "+a.Message)),
	}
	pairs := []string{
		"timeline.note", a.Note, "timeline.upstream_request_id", a.Sent.UpstreamRequestID, "timeline.digest", a.Sent.Digest,
	}
	if a.Sent.AccountVersion != 0 {
		pairs = append(pairs, "timeline.account", p.text("timeline.version", r.ChannelAccount, a.Sent.AccountVersion))
	}
	if a.Times > 0 {
		pairs = append(pairs, "timeline.repeated", fmt.Sprint(a.Times))
	}
	row.Facts = p.facts(pairs...)
	for _, text := range []struct{ key, text string }{{"timeline.sent", a.Sent.Request}, {"timeline.got", a.Sent.Answer}} {
		if text.text != "" {
			row.Facts = append(row.Facts, fact{Name: p.text(text.key), Value: text.text, Wide: true})
		}
	}
	return row
}

func (p *page) deliveryRow(e admin.TraceEntry) timelineRow {
	d := e.Delivery.Delivery
	row := timelineRow{What: p.text("timeline.webhook"), Facts: p.facts("timeline.dialect", d.Dialect, "timeline.event_id", d.EventID, "timeline.delivery_id", d.ID)}
	switch {
	case e.Try == nil && d.Problem != "":
		row.Class, row.Text = "bad", p.text("timeline.not_made", d.URL, d.Problem)
	case e.Try == nil:
		row.Text = p.text("timeline.not_tried", d.URL)
	case e.Try.Error != "":
		row.Class, row.Text = "bad", p.text("timeline.unanswered", d.URL, e.Try.Error)
	default:
		if row.Text = p.text("timeline.answered", d.URL, e.Try.Status); e.Try.Status >= 300 {
			row.Class = "bad"
		}
	}
	return row
}
