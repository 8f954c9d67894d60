"""The documentation: pages made of the schemas that check playbooks, and guides; in a terminal and as a site."""
