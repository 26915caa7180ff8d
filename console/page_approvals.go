package console

import (
	"cmp"
	"slices"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// approvalsPage is what template/approvals.html shows.
type approvalsPage struct {
	Waiting []approvalRow
	Next    string
	// Choose says that there are too many merchants: one has to be chosen.
	Choose bool
	// Form is what was refused, of the approval ID.
	Form approvalForm
}

// approvalRow is a question to a second person.
type approvalRow struct {
	admin.Question
	// Cannot is the text in the catalogue that says why the user can't approve it, ""
	// where they can; Says is what the core says of it.
	Cannot, Says string
	// MayRefuse says that they can refuse it.
	MayRefuse bool
	// Waits is for how long it does.
	Waits string
}

// approvalForm is what the forms of an approval say.
type approvalForm struct {
	MerchantID string `form:"merchant"`
	Digest     string `form:"digest"`
	Note       string `form:"note"`
	Reason     string `form:"reason"`
	// ID is the refund's.
	ID string
}

// approvals lists what waits for a second person: GET /console/queues/approvals.
func (p *page) approvals() error {
	data, err := p.readApprovals()
	if err != nil {
		return err
	}
	return p.render("approvals", data)
}

// readApprovals reads a page of all merchants that the page shows, newest first.
func (p *page) readApprovals() (data approvalsPage, err error) {
	ids := p.merchantIDs()
	if data.Choose = len(ids) > maxQueueMerchants; data.Choose {
		return data, nil
	}
	at := refund.Page{Limit: queueRows, After: readPosition(p.URL.Query().Get("cursor"))}
	more := false
	err = p.each(func(id string) error {
		found, further, err := p.s.Admin.Approvals(p.Context(), refund.ApprovalFilter{MerchantID: id, State: refund.ApprovalWaiting, Page: at})
		if err != nil {
			return err
		}
		more = more || further
		for _, q := range found {
			if q.Unreadable {
				p.s.Log.Warn("what an approval is about can't be read (hint: refundry verify tells more)", "merchant_id", id, "refund_id", q.RefundID)
			}
		}
		rows, err := p.approvalRows(id, found)
		data.Waiting = append(data.Waiting, rows...)
		return err
	})
	if err != nil {
		return data, err
	}
	slices.SortFunc(data.Waiting, func(a, b approvalRow) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	if len(data.Waiting) > queueRows {
		data.Waiting, more = data.Waiting[:queueRows], true
	}
	if more && len(data.Waiting) > 0 {
		last := data.Waiting[len(data.Waiting)-1]
		data.Next = writePosition(refund.Position{CreatedAt: last.CreatedAt, ID: last.ID})
	}
	return data, nil
}

// approvalRows are the questions of a merchant with what the user can do about each.
func (p *page) approvalRows(merchantID string, found []admin.Question) ([]approvalRow, error) {
	cannot, err := p.s.Admin.MayApprove(p.Context(), p.by(), found)
	if err != nil {
		return nil, err
	}
	may := p.user.May(merchantID, merchant.ScopeApprove)
	rows := make([]approvalRow, len(found))
	for n, q := range found {
		row := approvalRow{Question: q, Waits: p.howLong(q.CreatedAt)}
		fault := refund.As(cannot[n])
		over := fault != nil && fault.Kind == refund.KindStateConflict
		row.MayRefuse = may && !over
		switch {
		case over:
			row.Cannot = "approvals.over"
		case !may:
			row.Cannot = "approvals.no_right"
		case q.Requester == p.by().Actor:
			row.Cannot = "approvals.own"
		case fault != nil:
			row.Cannot, row.Says = "approvals.one_person", fault.Detail
		}
		rows[n] = row
	}
	return rows, nil
}

// decideApproval approves or refuses what a refund waits for: POST
// /console/queues/approvals/{id}/{act}.
func (p *page) decideApproval() error {
	var form approvalForm
	if err := p.decode(&form); err != nil {
		return err
	}
	form.ID = p.PathValue("id")
	if err := p.require(form.MerchantID, merchant.ScopeApprove); err != nil {
		return err
	}
	says, done := admin.Approving{Digest: form.Digest, Note: form.Note}, "approvals.approved"
	decide := p.s.Admin.Approve
	switch p.PathValue("act") {
	case "approve":
	case "refuse":
		says, done, decide = admin.Approving{Note: form.Reason}, "approvals.refused", p.s.Admin.Refuse
	default:
		return p.nowhere()
	}
	_, err := p.act(form.MerchantID, func(by admin.By) error {
		_, err := decide(p.Context(), by, form.MerchantID, form.ID, says)
		return err
	})
	if err != nil {
		data, failed := p.readApprovals()
		if failed != nil {
			return failed
		}
		data.Form = form
		return p.renderForm("approvals", data, err)
	}
	p.flash(done, form.ID)
	return p.redirect(p.link("/console/queues/approvals"))
}
