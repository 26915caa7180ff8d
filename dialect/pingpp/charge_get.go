package pingpp

// getCharge is GET /v1/charges/{ch}.
func (d *Dialect) getCharge(c *call) (any, error) {
	charge, err := d.chargeOfPath(c)
	if err != nil {
		return nil, err
	}
	return d.chargeObject(c.r.Context(), c, charge, expandsApp(c.params))
}
