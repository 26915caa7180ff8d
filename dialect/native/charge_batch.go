package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// Limits of POST /charges/batch.
const (
	// maxLines bounds the answer, which is kept until all is read: most
	// clients do not read while they send.
	maxLines = 50_000
	// maxBatch is the most bytes of one request; about 500 a charge are usual.
	maxBatch = 64 << 20
	// chunkLines is how many lines go through one commit.
	chunkLines = 500
	// chunkTime is how long one chunk may take to arrive and the answer to
	// leave, as for a whole request of another kind.
	chunkTime = 10 * time.Second
)

// lineAnswer is what became of one line; numbers begin at 1.
type lineAnswer struct {
	Line    int      `json:"line"`
	Status  int      `json:"status"` // as of the same charge sent alone
	ID      string   `json:"id,omitempty"`
	Problem *problem `json:"problem,omitempty"`
	// SameAs is an earlier line of the batch that names the same charge.
	SameAs int `json:"same_as,omitempty"`
	// Warnings are as those of the same charge sent alone.
	Warnings []string `json:"warnings,omitempty"`
}

// createCharges registers the charges of an NDJSON body, one a line, and
// answers one line for each: POST /charges/batch. A bad line harms no other;
// blank ones are passed over. Where the body breaks off or is too large, what
// came before is registered, and the last line of the answer says so.
func (d *Dialect) createCharges(c *call) error {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return fault
	}
	if c.r.ContentLength > maxBatch {
		return tooLargeBatch()
	}
	body := http.MaxBytesReader(c.w, c.r.Body, maxBatch)
	if key != "" {
		return d.createChargesOnce(c, key, body)
	}
	return d.registerLines(c, body)
}

func (d *Dialect) registerLines(c *call, body io.Reader) error {
	r, err := d.registration(c)
	if err != nil {
		return err
	}
	charges, err := d.s.Admin.Import(c.by(), c.merchantID(), "POST /charges/batch")
	if err != nil {
		return err
	}
	sum := sha256.New()
	b := &batch{
		call: c, registration: r, control: http.NewResponseController(c.w), lines: chargefile.NewLines(io.TeeReader(body, sum)), seen: make(map[string]int),
		charges: charges,
	}
	for b.chunk() {
	}
	if err := charges.End(c.ctx, b.rejected, hex.EncodeToString(sum.Sum(nil))); err != nil {
		d.s.Log.Error("a batch of charges was registered, and who did it is not on record", "request_id", c.requestID, "key", c.caller.Key.ID, "error", err)
	}
	if b.end() {
		// All is read: from here on the server only looks whether the caller
		// leaves, and must not take a limit for that.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	_ = b.control.SetWriteDeadline(time.Now().Add(chunkTime)) // not a connection: no limit
	c.write(http.StatusOK, "application/x-ndjson", b.out.Bytes())
	return nil
}

// batch is a batch being registered.
type batch struct {
	call         *call
	registration registration
	control      *http.ResponseController
	lines        *chargefile.Lines
	seen         map[string]int // the first line that named a charge, by its id
	out          bytes.Buffer
	ended        error // why no more is read
	charges      *admin.Import
	rejected     int // lines
}

// chunk reads and registers up to chunkLines; false is the end.
func (b *batch) chunk() bool {
	_ = b.control.SetReadDeadline(time.Now().Add(chunkTime)) // not a connection: no limit
	var charges []refund.Charge
	var answers []lineAnswer
	var at []int // the answer of each charge
	for len(answers) < chunkLines && b.ended == nil {
		text, tooLong, err := b.lines.Next()
		switch {
		case err != nil:
			b.ended = err
			continue
		case b.lines.Number() > maxLines:
			b.ended = refund.Errorf(refund.KindTooLarge, "", "a batch has at most %d lines; this and those behind it were not read", maxLines)
			continue
		}
		text = bytes.TrimSpace(text)
		if len(text) == 0 && !tooLong {
			continue
		}
		answers = append(answers, lineAnswer{Line: b.lines.Number()})
		var charge refund.Charge
		if tooLong {
			err = refund.Errorf(refund.KindTooLarge, "", "a line is at most %d bytes", chargefile.MaxLine)
		} else {
			charge, err = b.charge(text)
		}
		if err != nil {
			b.fail(&answers[len(answers)-1], err)
			continue
		}
		charges, at = append(charges, charge), append(at, len(answers)-1)
	}
	if len(charges) > 0 {
		b.register(charges, at, answers)
	}
	for _, answer := range answers {
		b.write(answer)
	}
	return b.ended == nil
}

func (b *batch) charge(line []byte) (refund.Charge, error) {
	body, err := parse(line)
	if err != nil {
		return refund.Charge{}, err
	}
	in, err := decodeCharge(b.registration.dialects, body)
	if err != nil {
		return refund.Charge{}, err
	}
	return b.registration.charge(in, "")
}

func (b *batch) register(charges []refund.Charge, at []int, answers []lineAnswer) {
	results, err := b.charges.Register(b.call.ctx, charges)
	if err != nil {
		for _, n := range at {
			b.fail(&answers[n], err)
		}
		return
	}
	for n, result := range results {
		answer := &answers[at[n]]
		id := result.Charge.ID
		switch {
		case result.Err != nil:
			b.fail(answer, result.Err)
			id = answer.Problem.Charge
		case result.Again:
			answer.Status, answer.ID = http.StatusOK, id
		default:
			answer.Status, answer.ID = http.StatusCreated, id
		}
		answer.Warnings = warnings(result)
		if answer.SameAs = b.seen[id]; answer.SameAs == 0 && id != "" {
			b.seen[id] = answer.Line
		}
	}
}

// end reports whether the body was read to its end, and writes what ended the
// batch early.
func (b *batch) end() bool {
	if errors.Is(b.ended, io.EOF) {
		return true
	}
	fault := refund.As(b.ended)
	var large *http.MaxBytesError
	switch {
	case fault != nil:
	case errors.As(b.ended, &large):
		fault = refund.Errorf(refund.KindTooLarge, "", "a batch is at most %d bytes; this line and those behind it were not read", maxBatch)
	case errors.Is(b.ended, io.ErrUnexpectedEOF):
		fault = refund.Errorf(refund.KindInvalid, "", "the body broke off; this line and those behind it were not read")
	default:
		fault = refund.Errorf(refund.KindInvalid, "", "the body could not be read to its end; this line and those behind it were not read")
	}
	answer := lineAnswer{Line: min(b.lines.Number(), maxLines) + 1}
	b.fail(&answer, fault)
	b.write(answer)
	return false
}

func (b *batch) fail(answer *lineAnswer, err error) {
	b.rejected++
	p := b.call.problemOf(err)
	answer.Status, answer.Problem = p.Status, &p
	b.call.log(p, err)
}

func (b *batch) write(answer lineAnswer) {
	text, err := encode(answer)
	if err != nil {
		panic("a line is made of texts and numbers: " + err.Error())
	}
	b.out.Write(text)
}
