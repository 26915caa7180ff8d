package console

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Queues is what waits for a person.
type Queues interface{ admin.Queues }

const (
	// queueRows is how many entries a page of a queue has.
	queueRows = 50
	// maxQueueMerchants bounds the merchants whose queues are read together: with more
	// of them, one is chosen.
	maxQueueMerchants = 50
)

// queuePage is what template/queue.html shows.
type queuePage struct {
	Name      refund.Queue
	Entries   []queueRow
	Shortages []shortageRow
	Next      string
	// Choose says that there are too many merchants: one has to be chosen.
	Choose bool
}

// queueRow is an entry with its merchant.
type queueRow struct {
	admin.QueueEntry
	MerchantID string
	// Waits is for how long it does.
	Waits string
}

// LastTry is the last try of a delivery; none where it was never made.
func (r queueRow) LastTry() []merchant.DeliveryTry {
	tries := r.Delivery.Tries
	return tries[max(0, len(tries)-1):]
}

// shortageRow is what one account lacks.
type shortageRow struct {
	refund.Shortage
	MerchantID, Needed string
}

// queue lists what waits for a person: GET /console/queues/{queue}.
func (p *page) queue() error {
	data, err := p.readQueue()
	if err != nil {
		return err
	}
	return p.render("queue", data)
}

// readQueue reads a page of a queue of all merchants that the page shows, newest first.
func (p *page) readQueue() (queuePage, error) {
	data := queuePage{Name: refund.Queue(p.PathValue("queue"))}
	if !slices.Contains(refund.Queues(), data.Name) {
		return data, p.nowhere()
	}
	ids := p.merchantIDs()
	if data.Choose = len(ids) > maxQueueMerchants; data.Choose {
		return data, nil
	}
	at := refund.Page{Limit: queueRows, After: readPosition(p.URL.Query().Get("cursor"))}
	more := false
	err := p.each(func(id string) error {
		found, err := admin.ReadQueue(p.Context(), p.s.Queues, id, data.Name, at)
		if err != nil {
			return err
		}
		more = more || found.More
		for _, e := range found.Entries {
			data.Entries = append(data.Entries, queueRow{e, id, p.howLong(e.Since)})
		}
		for _, s := range found.Shortages {
			data.Shortages = append(data.Shortages, shortageRow{s, id, sumText(s.Needed, s.Currency)})
		}
		return nil
	})
	if err != nil {
		return data, err
	}
	slices.SortFunc(data.Entries, func(a, b queueRow) int {
		return cmp.Or(b.At.CreatedAt.Compare(a.At.CreatedAt), cmp.Compare(b.At.ID, a.At.ID))
	})
	if len(data.Entries) > queueRows {
		data.Entries, more = data.Entries[:queueRows], true
	}
	if more {
		data.Next = writePosition(data.Entries[len(data.Entries)-1].At)
	}
	return data, nil
}

// writePosition and readPosition are a place in a list as a parameter has it.
func writePosition(at refund.Position) string {
	return strconv.FormatInt(at.CreatedAt.UnixMicro(), 10) + "." + at.ID
}

// readPosition returns nil for what is none: the list's beginning.
func readPosition(text string) *refund.Position {
	stamp, id, _ := strings.Cut(text, ".")
	us, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || len(id) > maxKey {
		return nil
	}
	return &refund.Position{CreatedAt: time.UnixMicro(us).UTC(), ID: id}
}

// howLong is for how long something has waited, in the two greatest units.
func (p *page) howLong(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	minutes := int(max(0, p.s.Now().Sub(since)) / time.Minute)
	switch {
	case minutes >= 24*60:
		return p.text("queue.days", minutes/(24*60), minutes/60%24)
	case minutes >= 60:
		return p.text("queue.hours", minutes/60, minutes%60)
	}
	return p.text("queue.minutes", minutes)
}

// queueForm is what the queues' forms say: what is done to what.
type queueForm struct {
	MerchantID string   `form:"merchant"`
	Account    string   `form:"account"`
	Deliveries []string `form:"delivery"` // a merchant's id, a blank, and the delivery's
	Confirmed  bool     `form:"confirmed"`
}

// queueStep is what template/queue_action.html shows, before it is done.
type queueStep struct {
	Name refund.Queue
	Form queueForm
	// Shortages are those of the account that is to be tried again.
	Shortages []shortageRow
}

// queueDo does what a queue's form asks for, after it has been said what that will
// be: POST /console/queues/{queue}.
func (p *page) queueDo() error {
	step := queueStep{Name: refund.Queue(p.PathValue("queue"))}
	if err := p.decode(&step.Form); err != nil {
		return err
	}
	switch step.Name {
	case refund.QueueFunds:
		return p.fundsAreBack(step)
	case refund.QueueDeliveries:
		return p.sendAgain(step)
	}
	return p.nowhere()
}

// fundsAreBack has what waits for funds of an account sent again.
func (p *page) fundsAreBack(step queueStep) error {
	form := step.Form
	if err := p.require(form.MerchantID, merchant.ScopeRefund); err != nil {
		return err
	}
	all, err := p.s.Queues.Shortages(p.Context(), form.MerchantID)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Account == form.Account {
			step.Shortages = append(step.Shortages, shortageRow{s, form.MerchantID, sumText(s.Needed, s.Currency)})
		}
	}
	if !form.Confirmed {
		return p.render("queue_action", step)
	}
	_, err = p.act(form.MerchantID, func(by admin.By) error {
		_, err := p.s.Admin.RetryAccount(p.Context(), by, form.MerchantID, form.Account)
		return err
	})
	if err != nil {
		return p.renderForm("queue_action", step, err)
	}
	p.flash("queue.retried", form.Account)
	return p.redirect(p.link("/console/queues/funds"))
}

// sendAgain sends the deliveries that were chosen once more.
func (p *page) sendAgain(step queueStep) error {
	chosen := map[string][]string{}
	for _, one := range step.Form.Deliveries {
		merchantID, id, _ := strings.Cut(one, " ")
		chosen[merchantID] = append(chosen[merchantID], id)
	}
	for merchantID := range chosen {
		if err := p.require(merchantID, merchant.ScopeRefund); err != nil {
			return err
		}
	}
	if len(chosen) == 0 || !step.Form.Confirmed {
		var err error
		if len(chosen) == 0 {
			err = refund.Errorf(refund.KindInvalid, "delivery", "choose at least one delivery")
		}
		if err == nil {
			return p.render("queue_action", step)
		}
		data, failed := p.readQueue()
		if failed != nil {
			return failed
		}
		return p.renderForm("queue", data, err)
	}
	problem := ""
	for merchantID, ids := range chosen {
		_, err := p.act(merchantID, func(by admin.By) error {
			replays, err := p.s.Admin.ReplayDeliveries(p.Context(), by, merchantID, ids)
			for _, r := range replays {
				problem = cmp.Or(problem, r.Problem)
			}
			return err
		})
		if err != nil {
			return p.renderForm("queue_action", step, err)
		}
	}
	if problem != "" {
		p.flash("queue.partly", problem)
	} else {
		p.flash("queue.replayed")
	}
	return p.redirect(p.link("/console/queues/deliveries"))
}

// queueTab is a link to a queue, with how many wait in it.
type queueTab struct {
	Text, Address, Count string
	Current              bool
}

// QueueTabs are the links to all queues, that of approvals first.
func (v *view) QueueTabs() ([]queueTab, error) {
	counts, err := v.p.queueCounts()
	if err != nil {
		return nil, err
	}
	names := append([]refund.Queue{"approvals"}, refund.Queues()...)
	tabs := make([]queueTab, len(names))
	for n, name := range names {
		address := "/console/queues/" + string(name)
		tabs[n] = queueTab{v.p.text("queues." + string(name)), v.p.link(address), countText(counts[name]), v.p.URL.Path == address}
	}
	return tabs, nil
}

// countText is a count as a badge shows it, "" for none.
func countText(n int64) string {
	switch {
	case n == 0:
		return ""
	case n >= refund.MaxQueueCount:
		return strconv.Itoa(refund.MaxQueueCount-1) + "+"
	}
	return strconv.FormatInt(n, 10)
}

// queueCounts are those of all merchants that the page shows; none where these are too
// many to be counted for each page.
func (p *page) queueCounts() (refund.QueueCounts, error) {
	sum := refund.QueueCounts{}
	ids := p.merchantIDs()
	if len(ids) > maxQueueMerchants {
		return sum, nil
	}
	for _, id := range ids {
		counts, err := p.s.Queues.QueueCounts(p.Context(), id)
		if err != nil {
			return nil, err
		}
		for name, n := range counts {
			sum[name] = min(sum[name]+n, refund.MaxQueueCount)
		}
		waiting, err := p.s.Admin.CountApprovals(p.Context(), id)
		if err != nil {
			return nil, err
		}
		sum["approvals"] = min(sum["approvals"]+waiting, refund.MaxQueueCount)
	}
	return sum, nil
}
