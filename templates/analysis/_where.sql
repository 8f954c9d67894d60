{# The conditions of a part of a table. #}
{% for one in where %}{% if loop.first %} WHERE {% else %} AND {% endif %}{{ one }}{% endfor %}
