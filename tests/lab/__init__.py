"""Real Debian machines with a virtual IOMMU, for tests and for people."""
