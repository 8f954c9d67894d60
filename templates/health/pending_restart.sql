{% include 'health/settings.sql' %}
