package pingpp

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// getBatch is GET /v1/batch_refunds/{id}.
func (d *Dialect) getBatch(c *call) (any, error) {
	unknown := &flaw{kind: refund.KindNotFound, words: func(l wire.Locale) wire.Error { return l.NotFound(wire.ObjectBatchRefund, c.pathID("id")) }}
	if !wire.IsBatchRefundID(c.r.PathValue("id")) {
		return nil, unknown
	}
	batch := refund.Batch{Dialect: merchant.PingPP, ID: c.r.PathValue("id")}
	unit, ok, err := d.Units.Unit(c.r.Context(), c.caller.Merchant.ID, batch.Key())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, unknown
	}
	return d.batchShown(c, unit), nil
}

// listBatches is GET /v1/batch_refunds, newest first, by page and per_page.
func (d *Dialect) listBatches(c *call) (any, error) {
	filter := refund.BatchFilter{MerchantID: c.caller.Merchant.ID, Dialect: merchant.PingPP}
	var err error
	if _, ok := given(c.params, "app"); ok {
		if filter.Identity, err = batchApp(c); err != nil {
			return nil, err
		}
	}
	times, _, err := created(c.params)
	if err != nil {
		return nil, err
	}
	filter.CreatedFrom, filter.CreatedTo = times.from, times.to
	if filter.Limit, filter.Offset, err = numberedPage(c.params); err != nil {
		return nil, err
	}
	list := wire.List[wire.BatchRefund]{URL: wire.BatchRefundsPath()}
	if times.empty() {
		return list, nil
	}
	units, more, err := d.Units.Batches(c.r.Context(), filter)
	if err != nil {
		return nil, err
	}
	list.HasMore = more
	for _, unit := range units {
		list.Data = append(list.Data, d.batchShown(c, unit))
	}
	return list, nil
}
