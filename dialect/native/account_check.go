package native

import (
	"net/http"
	"time"

	"github.com/refundry/refundry/channel"
)

type checkAnswer struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem"`
}

// comparisonAnswer is what was found when a channel was asked what it has done.
type comparisonAnswer struct {
	Asked    int `json:"asked"` // payments, or bills
	Known    int `json:"known"`
	Recorded int `json:"recorded"`
	// Adopted are the ids of refunds that the channel made and we did not know, Alike
	// those of refunds that wait, of the same charge and amount as one of these.
	Adopted []string `json:"adopted"`
	Kept    int      `json:"kept"` // in the inbox
	Alike   []string `json:"alike"`
}

func answerComparison(found channel.Comparison) comparisonAnswer {
	out := comparisonAnswer{Asked: found.Asked, Known: found.Known, Recorded: found.Recorded, Kept: found.Kept, Adopted: []string{}, Alike: []string{}}
	for _, r := range found.Adopted {
		out.Adopted = append(out.Adopted, r.ID)
	}
	out.Alike = append(out.Alike, found.Alike...)
	return out
}

// ComparisonJSON is such an answer as the API shows it.
func ComparisonJSON(found channel.Comparison) any { return answerComparison(found) }

// checkAccount makes a harmless call to the channel and says what it found, and
// changes nothing; with since it asks the channel what it has done, and adopts what
// is not ours: POST /accounts/{id}/check.
func (d *Dialect) checkAccount(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	var since time.Time
	if err := body.read(optional("since", body.moment(&since))); err != nil {
		return err
	}
	if !since.IsZero() {
		found, err := d.s.Admin.AskAccount(c.ctx, c.by(), c.merchantID(), c.r.PathValue("id"), since, nil)
		if err != nil {
			return err
		}
		return c.json(http.StatusOK, answerComparison(found))
	}
	found, err := d.s.Admin.CheckAccount(c.ctx, c.merchantID(), c.r.PathValue("id"))
	if err != nil {
		return err
	}
	out := struct {
		OK     bool          `json:"ok"`
		Checks []checkAnswer `json:"checks"`
	}{OK: true, Checks: make([]checkAnswer, len(found))}
	for n, check := range found {
		out.Checks[n] = checkAnswer{Name: check.Name, OK: check.Err == nil}
		if check.Err != nil {
			out.OK, out.Checks[n].Problem = false, problemText(check.Err)
		}
	}
	return c.json(http.StatusOK, out)
}
